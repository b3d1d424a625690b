#include "recording/recording_folder.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <system_error>

#include "input/files/atomic_file.h"
#include "input/files/mapped_file.h"
#include "input/text/parse_json.h"

namespace pastonly::recording {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t largest_identity = std::size_t{1} << 20;
constexpr std::size_t most_shown = 300;  // characters of a value in a message
constexpr const char* identity_file = "recording.json";
constexpr const char* lock_file = "lock";

/// Of the file itself: a link is no file of ours.
bool is_file(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(fs::symlink_status(path, ignored));
}

bool is_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(fs::symlink_status(path, ignored));
}

/// Paths need not be UTF-8, JSON must.
std::string to_text(const RecordingIdentity& identity) {
  nlohmann::ordered_json json{{"schema", "pastonly.recording/1"}};
  for (const auto& [key, value] : identity) json[key] = value;
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

/// Whether a process that was killed while it claimed the directory may have left it like this.
bool barely_begun(const fs::path& directory) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    if (entry.path().filename() != "unfinished" || !is_folder(entry.path())) return false;
    for (const auto& inner : fs::directory_iterator(entry.path(), error)) {
      const std::string name = inner.path().filename().string();
      if (name != lock_file && !(name.starts_with(identity_file) && name.ends_with(".tmp"))) return false;
    }
  }
  return !error;
}

Expected<void> may_record_in(const fs::path& directory) {
  std::error_code error;
  if (!fs::exists(fs::symlink_status(directory, error))) return {};
  const fs::path begun = directory / "unfinished" / identity_file;
  const bool open = fs::is_directory(directory, error) &&
                    ((is_folder(begun.parent_path()) && is_file(begun)) || barely_begun(directory));
  if (open) return {};
  static_cast<void>(fs::symlink_status(begun, error));  // only to see whether it may be looked at
  if (error == std::errc::permission_denied)
    return input_error(fmt::format("{}: {}", begun.parent_path().string(), error.message()));
  if (fs::exists(directory / "plan.json", error)) {
    return usage_error(
        fmt::format("{0}: already holds a plan (a finished recording): `pastonly audit {0}` reads it; to "
                    "record again, give another directory",
                    directory.string()));
  }
  return usage_error(fmt::format(
      "{}: already exists; give a directory that is empty, missing, or left by an interrupted audit",
      directory.string()));
}

std::string shown(const nlohmann::ordered_json& json, const std::string& key) {
  const auto at = json.find(key);
  if (at == json.end()) return "nothing";
  const std::string text =
      at->is_string() ? fmt::format("'{}'", at->get_ref<const std::string&>()) : at->dump();
  return text.size() <= most_shown ? text : text.substr(0, most_shown) + "...";
}

/// Usage error: what was recorded is not what is asked for.
Expected<void> check_same(const std::string& recorded_text, const std::string& asked_text,
                          const fs::path& path) {
  const auto readable = input::parse_json(recorded_text, path.string(), Error::Kind::usage);
  if (!readable || !readable->is_object())
    return usage_error(fmt::format(
        "{}: does not state what is recorded; delete the directory or give another", path.string()));
  // Both have been read just so; parsed again for the order of their keys.
  const auto recorded = nlohmann::ordered_json::parse(recorded_text);
  const auto asked = nlohmann::ordered_json::parse(asked_text);
  for (const auto* side : {&asked, &recorded}) {
    for (const auto& [key, value] : side->items()) {
      if (recorded.contains(key) && asked.contains(key) && recorded[key] == asked[key]) continue;
      return usage_error(
          fmt::format("{}: {} is {} in the earlier recording and {} in this audit; repeat the earlier "
                      "command, delete the directory, or give another",
                      path.string(), key, shown(recorded, key), shown(asked, key)));
    }
  }
  return {};
}

/// A run that is kept (kept_runs.h) has one such file.
bool is_seal(const fs::path& path) { return path.extension() == ".json" && path.filename() != identity_file; }

}  // namespace

Expected<RecordingFolder> RecordingFolder::claim(const fs::path& directory,
                                                 const RecordingIdentity& identity) {
  if (auto may = may_record_in(directory); !may) return tl::unexpected(may.error());
  auto lock = input::DirectoryLock::take(directory / "unfinished");
  if (!lock) return tl::unexpected(lock.error());
  // What held it until now may have finished meanwhile.
  if (auto may = may_record_in(directory); !may) return tl::unexpected(may.error());
  RecordingFolder out(directory, *std::move(lock));
  if (auto begun = out.begin(to_text(identity)); !begun) return tl::unexpected(begun.error());
  input::remove_left_aside(out.directory_);
  input::remove_left_aside(out.unfinished());
  return out;
}

Expected<void> RecordingFolder::begin(const std::string& identity) {
  identity_ = identity;
  const fs::path path = unfinished() / identity_file;
  if (!is_file(path)) return input::write_atomically(path, identity_);
  const auto recorded = input::read_text(path, largest_identity);
  if (!recorded) return tl::unexpected(recorded.error());
  return check_same(*recorded, identity_, path);
}

std::size_t RecordingFolder::runs() const {
  std::size_t count = 0;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(unfinished(), error))
    count += is_seal(entry.path()) ? 1 : 0;
  return count;
}

void RecordingFolder::forget_runs() const {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(unfinished(), error)) {
    if (is_seal(entry.path()) || entry.path().extension() == ".safetensors") fs::remove(entry.path(), error);
  }
}

void RecordingFolder::close() const {
  // Where the lock or a mapped trace cannot go while it is in use (network file systems), it stays behind:
  // the plan is whole without.
  std::error_code ignored;
  fs::remove_all(unfinished(), ignored);
}

}  // namespace pastonly::recording

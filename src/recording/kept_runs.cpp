#include "recording/kept_runs.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include "input/files/atomic_file.h"
#include "input/files/hash.h"
#include "input/files/mapped_file.h"
#include "input/plan/plan.h"
#include "input/text/parse_json.h"
#include "input/trace/trace_file.h"

namespace pastonly::recording {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t largest_seal = 4096;

/// Whether a regular file, and no link to one, has that length and hash.
bool holds(const fs::path& path, std::uint64_t bytes, const std::string& sha256) {
  std::error_code error;
  if (!fs::is_regular_file(fs::symlink_status(path, error)) || fs::file_size(path, error) != bytes)
    return false;
  const auto hash = input::sha256_file(path);
  return hash && *hash == sha256;
}

std::string text_at(const input::Json& json, const char* key) {
  const auto at = json.find(key);
  return at != json.end() && at->is_string() ? at->get<std::string>() : "";
}

}  // namespace

KeptRuns::KeptRuns(const RecordingFolder& folder, std::string whose, std::vector<Intervention> plan,
                   bool routed)
    : folder_(folder), whose_(std::move(whose)), plan_(std::move(plan)), routed_(routed) {}

bool KeptRuns::planned(const Intervention& run) const { return std::ranges::find(plan_, run) != plan_.end(); }

std::string KeptRuns::key(const Intervention& run) const {
  return input::sha256_text(folder_.identity() + whose_ + "\n" + input::run_text(run));
}

fs::path KeptRuns::trace_path(const Intervention& run) const {
  return planned(run) ? folder_.directory() / input::output_name(run.id)
                      : folder_.unfinished() / (key(run) + ".safetensors");
}

fs::path KeptRuns::seal_path(const Intervention& run) const {
  return folder_.unfinished() / (key(run) + ".json");
}

std::optional<KeptRuns::Seal> KeptRuns::read_seal(const Intervention& run) const {
  const fs::path path = seal_path(run);
  const auto text = input::read_text(path, largest_seal);
  if (!text) return std::nullopt;
  const auto json = input::parse_json(*text, path.string(), Error::Kind::input);
  if (!json || !json->is_object() || text_at(*json, "key") != key(run)) return std::nullopt;
  const std::string part = text_at(*json, "part");
  const auto bytes = json->find("bytes");
  if ((part != "all" && part != "losses") || bytes == json->end() || !bytes->is_number_unsigned())
    return std::nullopt;
  return Seal{part == "all" ? Part::all : Part::losses, bytes->get<std::uint64_t>(),
              text_at(*json, "sha256")};
}

Expected<void> KeptRuns::write_seal(const Intervention& run, Part part) const {
  const fs::path path = trace_path(run);
  const auto hash = input::sha256_file(path);
  if (!hash) return tl::unexpected(hash.error());
  std::error_code error;
  const input::Json seal{{"key", key(run)},
                         {"part", part == Part::all ? "all" : "losses"},
                         {"bytes", fs::file_size(path, error)},
                         {"sha256", *hash}};
  return input::write_atomically(seal_path(run), seal.dump() + "\n");
}

std::optional<Trace> KeptRuns::find(const Intervention& run, const Trace& outline, Part part) const {
  const auto seal = read_seal(run);
  if (!seal || (part == Part::all && seal->part != Part::all)) return std::nullopt;
  const fs::path path = trace_path(run);
  if (!holds(path, seal->bytes, seal->sha256)) return std::nullopt;
  auto trace = seal->part == Part::all ? input::read_trace(path) : input::read_losses(path);
  if (!trace || trace->layout != outline.layout || trace->tokens != outline.tokens) return std::nullopt;
  if (routed_ && seal->part == Part::all && trace->layers.empty()) return std::nullopt;
  trace->path = outline.path;
  return part == Part::losses ? without_layers(*std::move(trace)) : *std::move(trace);
}

Expected<Trace> KeptRuns::keep(const Intervention& run, const Trace& trace, const Trace& outline, Part part) {
  const std::lock_guard lock(mutex_);
  // Somebody else may have asked for it, or for more of it, meanwhile.
  if (auto kept = find(run, outline, part)) return *std::move(kept);
  if (auto done =
          input::write_trace(trace_path(run), to_data(part == Part::losses ? without_layers(trace) : trace));
      !done)
    return tl::unexpected(done.error());
  if (auto done = write_seal(run, part); !done) return tl::unexpected(done.error());
  auto kept = find(run, outline, part);
  if (!kept) {
    return input_error(trace_path(run).string() +
                       ": does not hold what was just written to it; is another program writing there?");
  }
  return *std::move(kept);
}

Expected<bool> KeptRuns::same(const Intervention& run, const Trace& trace) const {
  const auto seal = read_seal(run);
  if (!seal) return false;
  const fs::path again = folder_.unfinished() / "again.safetensors";
  if (auto done = input::write_trace(again, to_data(trace)); !done) return tl::unexpected(done.error());
  const bool same = holds(again, seal->bytes, seal->sha256);
  std::error_code ignored;
  fs::remove(again, ignored);
  return same;
}

}  // namespace pastonly::recording

#include "lab/store.h"

#include <fmt/format.h>

#include <system_error>
#include <utility>

#include "input/files/atomic_file.h"
#include "input/files/hash.h"
#include "input/files/mapped_file.h"

namespace pastonly::lab {
namespace {

constexpr std::size_t largest_record = std::size_t{1} << 30;

}  // namespace

ArmStore::ArmStore(const std::filesystem::path& directory, std::string key)
    : directory_(directory / input::sha256_text(key).substr(0, 16)), key_(std::move(key)) {}

Expected<void> ArmStore::prepare() const {
  std::error_code error;
  std::filesystem::create_directories(directory_, error);
  if (error) return input_error(fmt::format("{}: {}", directory_.string(), error.message()));
  return {};
}

Expected<void> ArmStore::write(const char* name, input::Json value) const {
  const input::Json whole{{"key", key_}, {"value", std::move(value)}};
  return input::write_atomically(directory_ / name, whole.dump() + "\n");
}

std::optional<input::Json> ArmStore::read(const char* name) const {
  const auto path = directory_ / name;
  std::error_code missing;
  if (!std::filesystem::exists(path, missing)) return std::nullopt;
  const auto text = input::read_text(path, largest_record);
  if (!text) return std::nullopt;
  auto json = input::parse_json(*text, path.string(), Error::Kind::input);
  if (!json || !json->is_object() || json->value("key", "") != key_ || !json->contains("value"))
    return std::nullopt;
  return std::move((*json)["value"]);
}

Expected<void> ArmStore::write_training(const TrainingRecord& record) const {
  return write("training.json", to_json(record));
}

std::optional<TrainingRecord> ArmStore::read_training() const {
  const auto json = read("training.json");
  return json ? training_record_of(*json) : std::nullopt;
}

Expected<void> ArmStore::write_result(const input::Json& result) const {
  return write("result.json", result);
}

std::optional<input::Json> ArmStore::read_result() const { return read("result.json"); }

}  // namespace pastonly::lab

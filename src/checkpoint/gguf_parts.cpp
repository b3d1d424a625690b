#include <fmt/format.h>

#include <cstring>
#include <fstream>
#include <optional>
#include <utility>

#include "checkpoint/gguf.h"
#include "input/text/printable.h"

namespace pastonly::checkpoint {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t most_parts = 99999;  // five digits

std::optional<std::uint64_t> count_of(const GgufFile& file, const char* key) {
  const auto found = file.metadata.find(key);
  if (found == file.metadata.end() || !found->is_number_integer() || *found < 0) return std::nullopt;
  return found->get<std::uint64_t>();
}

std::string ending(std::uint64_t part, std::uint64_t parts) {
  return fmt::format("-{:05}-of-{:05}.gguf", part + 1, parts);
}

/// What part `part` of `parts` says of itself.
Expected<void> check_part(const GgufFile& file, std::uint64_t part, std::uint64_t parts) {
  const auto said = count_of(file, "split.no"), of = count_of(file, "split.count");
  if (said == part && of == parts) return {};
  return input_error(fmt::format(
      "{}: expected part {} of {} by its name, split.no and split.count say {} of {}", file.path, part + 1,
      parts, said ? fmt::to_string(*said + 1) : "none", of ? fmt::to_string(*of) : "none"));
}

Expected<void> check_tensors(const std::vector<GgufFile>& files) {
  std::uint64_t found = 0;
  for (const GgufFile& file : files) found += file.tensors.size();
  const auto said = count_of(files.front(), "split.tensors.count");
  if (!said || *said == found) return {};
  return input_error(fmt::format("{}: split.tensors.count says {} tensors; its {} parts hold {}",
                                 files.front().path, *said, files.size(), found));
}

}  // namespace

Expected<std::vector<GgufFile>> read_gguf_parts(const fs::path& path) {
  std::vector<GgufFile> out;
  auto given = read_gguf(path);
  if (!given) return tl::unexpected(given.error());
  const std::uint64_t parts = count_of(*given, "split.count").value_or(1);
  if (parts <= 1) {
    out.push_back(*std::move(given));
    return out;
  }
  const std::uint64_t number = count_of(*given, "split.no").value_or(0);
  const std::string name = path.filename().string();
  const std::string own = parts <= most_parts && number < parts ? ending(number, parts) : "";
  if (own.empty() || !name.ends_with(own))
    return input_error(input::printable(
        fmt::format("{}: is part {} of {} of a split file; expected a name that ends in '{}'", path.string(),
                    number, parts, own.empty() ? "-00001-of-00002.gguf" : own)));
  const std::string stem = name.substr(0, name.size() - own.size());
  for (std::uint64_t part = 0; part < parts; ++part) {
    const fs::path at = path.parent_path() / (stem + ending(part, parts));
    std::error_code error;
    if (!fs::exists(at, error))
      return input_error(input::printable(
          fmt::format("{}: is missing: {} says that there are {} parts", at.string(), path.string(), parts)));
    auto file = read_gguf(at);
    if (!file) return tl::unexpected(file.error());
    if (auto good = check_part(*file, part, parts); !good) return tl::unexpected(good.error());
    out.push_back(*std::move(file));
  }
  if (auto good = check_tensors(out); !good) return tl::unexpected(good.error());
  return out;
}

bool is_gguf(const fs::path& path) {
  std::error_code error;
  if (!fs::is_regular_file(path, error)) return false;
  if (path.extension() == ".gguf") return true;
  char magic[4] = {};
  std::ifstream(path, std::ios::binary).read(magic, sizeof(magic));
  return std::memcmp(magic, "GGUF", sizeof(magic)) == 0;
}

}  // namespace pastonly::checkpoint

#include "checkpoint/shard_index.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "input/files/mapped_file.h"
#include "input/text/parse_json.h"
#include "input/text/printable.h"

namespace pastonly::checkpoint {
namespace {

constexpr std::size_t largest_index = std::size_t{64} << 20;

/// Whether a name stays in its directory.
bool is_plain(std::string_view name) {
  return name.ends_with(".safetensors") && name.find_first_of("/\\") == std::string_view::npos &&
         name.find("..") == std::string_view::npos &&
         std::ranges::none_of(name, [](char c) { return static_cast<unsigned char>(c) < 32; });
}

}  // namespace

Expected<ShardIndex> read_shard_index(const std::filesystem::path& path) {
  const auto text = input::read_text(path, largest_index);
  if (!text) return tl::unexpected(text.error());
  const auto json = input::parse_json(*text, path.string(), Error::Kind::input);
  if (!json) return tl::unexpected(json.error());
  const auto fail = [&](const std::string& why) {
    return tl::unexpected(input::printable(input_error(fmt::format("{}: {}", path.string(), why)).value()));
  };
  if (!json->is_object() || !json->contains("weight_map") || !json->at("weight_map").is_object())
    return fail("no index of shards: expected an object weight_map");
  ShardIndex index;
  for (const auto& [tensor, shard] : json->at("weight_map").items()) {
    if (!shard.is_string()) return fail(fmt::format("weight_map: the shard of '{}' is no file name", tensor));
    const auto& name = shard.get_ref<const std::string&>();
    if (!is_plain(name)) {
      return fail(
          fmt::format("weight_map: '{}' is said to be in '{}': expected the plain name of a "
                      ".safetensors file beside the index",
                      tensor, name));
    }
    index.emplace(tensor, name);
  }
  if (index.empty()) return fail("weight_map names no tensor");
  return index;
}

}  // namespace pastonly::checkpoint

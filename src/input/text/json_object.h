#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "input/text/parse_json.h"

namespace pastonly::input {

/// What is wrong with a key that is none of those known, which stand separated by commas.
inline std::string unknown_key(std::string_view key, std::string_view known) {
  return fmt::format("unknown key '{}' ({})", key.substr(0, 60), known);
}

/// A list of layer numbers; nothing where it is something else.
inline std::optional<std::vector<std::uint32_t>> layer_numbers(const Json& list) {
  if (!list.is_array()) return std::nullopt;
  std::vector<std::uint32_t> layers;
  for (const Json& layer : list) {
    if (!layer.is_number_unsigned() || layer.get<std::uint64_t>() > 0xffff'ffffU) return std::nullopt;
    layers.push_back(layer.get<std::uint32_t>());
  }
  return layers;
}

}  // namespace pastonly::input

#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "pastonly/error.h"

namespace pastonly::input {

/// What the JSON header of a safetensors file says of one tensor, before any check against the data.
struct HeaderEntry {
  std::string name;
  std::string dtype;
  std::vector<std::size_t> shape;
  std::size_t begin = 0;
  std::size_t end = 0;
};
struct SafetensorsHeader {
  std::map<std::string, std::string> metadata;
  std::vector<HeaderEntry> entries;  ///< in order of name
};

/// Parses the header's JSON event by event, so memory stays in proportion to what it describes.
/// Invalid UTF-8 or JSON, another shape of JSON, duplicate names or keys, missing keys, negative,
/// fractional or too large numbers are input errors naming `file` and the tensor. Keys of a tensor
/// that the format does not define are skipped.
Expected<SafetensorsHeader> parse_safetensors_header(std::string_view json, std::string_view file);

}  // namespace pastonly::input

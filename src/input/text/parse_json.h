#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

#include "pastonly/error.h"

namespace pastonly::input {

using Json = nlohmann::json;

/// Parses UTF-8 JSON text strictly: duplicate keys, NUL bytes, nesting deeper than 16 and anything
/// after the value are errors of the given kind, which name the text and the place in it.
Expected<Json> parse_json(std::string_view text, std::string_view name, Error::Kind kind,
                          bool comments = false);

/// The library's message without the number that it begins with, "[json.exception.parse_error.101] ".
std::string_view without_number(std::string_view message) noexcept;

}  // namespace pastonly::input

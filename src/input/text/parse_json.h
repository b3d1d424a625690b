#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string_view>

#include "pastonly/error.h"

namespace pastonly::input {

using Json = nlohmann::json;

/// Whether long reading should end, asked now and then.
using Stop = std::function<bool()>;
inline const Stop go_on = [] { return false; };

/// Parses UTF-8 JSON text strictly: duplicate keys, NUL bytes, nesting deeper than 16 and anything
/// after the value are errors of the given kind, which name the text and the place in it. Takes time linear
/// in the text; `stop` is asked every few thousand values, and where it says yes the error is `interrupted`.
Expected<Json> parse_json(std::string_view text, std::string_view name, Error::Kind kind,
                          bool comments = false, const Stop& stop = go_on);

/// The library's message without the number that it begins with, "[json.exception.parse_error.101] ".
std::string_view without_number(std::string_view message) noexcept;

}  // namespace pastonly::input

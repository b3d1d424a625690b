#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "input/text/object_reader.h"
#include "input/text/parse_json.h"
#include "input/tokenizer/pattern_syntax.h"
#include "input/tokenizer/regex.h"

namespace pastonly::input {

constexpr std::size_t most_parts = 64;  // normalizers or pre-tokenizers in all

constexpr std::size_t longest_inserted = 64;  // bytes that a normalizer puts somewhere

/// "type" of a part of tokenizer.json; "" where there is none.
inline std::string type_of(const Json& part) {
  if (!part.is_object()) return {};
  const auto at = part.find("type");
  return at != part.end() && at->is_string() ? at->get<std::string>() : std::string();
}

inline tl::unexpected<Error> unsupported(std::string_view path, std::string_view what) {
  return input_error(fmt::format("{}: {} is not supported", path, what));
}

/// A pattern as {"Regex": ...} or {"String": ...}, compiled. Input errors name the path.
inline Expected<Regex> read_pattern(const Json& part, const std::string& path) {
  const auto at = part.find("pattern");
  const std::string key = path + ".pattern";
  if (at == part.end() || !at->is_object() || at->size() != 1 || !at->begin().value().is_string() ||
      (at->begin().key() != "Regex" && at->begin().key() != "String"))
    return input_error(fmt::format(R"({}: expected {{"Regex": "..."}} or {{"String": "..."}})", key));
  const auto text = at->begin().value().get<std::string>();
  if (text.empty()) return unsupported(key, "an empty pattern");
  const auto named = [&](Error error) {
    error.message = fmt::format("{}: {}", key, error.message);
    return error;
  };
  if (at->begin().key() == "String") return Regex::compile(literal_pattern(text)).map_error(named);
  const auto pattern = pcre2_pattern(text).map_error(named);
  if (!pattern) return tl::unexpected(pattern.error());
  return Regex::compile(*pattern).map_error(named);
}

}  // namespace pastonly::input

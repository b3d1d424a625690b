#pragma once

#include <string>
#include <string_view>

#include "pastonly/error.h"

namespace pastonly::input {

/// A pattern of tokenizer.json, written for Oniguruma's Ruby syntax, as the PCRE2 pattern of the same
/// meaning. What means something else in each, or is not known here, is refused by name, so that nothing is
/// split otherwise than it was in training. Input errors say what and at which byte; the caller names file
/// and key.
Expected<std::string> pcre2_pattern(std::string_view pattern);

/// Characters of words for a PCRE2 class, where the package uses Rust's expressions instead: joiners count,
/// other numbers than digits do not.
inline constexpr std::string_view word_characters = R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\x{200c}\x{200d})";

/// A pattern that matches this UTF-8 text and nothing else.
std::string literal_pattern(std::string_view text);

}  // namespace pastonly::input

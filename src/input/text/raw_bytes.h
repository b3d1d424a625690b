#pragma once

#include <string>
#include <string_view>

namespace pastonly::input {

/// Bytes as UTF-8 text that can be turned back: a path may be any bytes, JSON holds text alone. What is UTF-8
/// stays as it is; each other byte, 0x80 to 0xFF, becomes a character of private use, U+EF80 to U+EFFF, and
/// so does each byte of such a character.
std::string text_of_bytes(std::string_view bytes);
/// The inverse.
std::string bytes_of_text(std::string_view text);

}  // namespace pastonly::input

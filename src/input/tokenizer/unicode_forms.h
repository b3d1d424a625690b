#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace pastonly::input {

enum class UnicodeForm { nfc, nfd, nfkc, nfkd };

/// The text in a normal form (Unicode annex 15), by the tables of utf8proc. `text` must be UTF-8. Takes time
/// n log n, and beyond the result memory for its longest stretch without ASCII alone.
std::string normal_form(std::string_view text, UnicodeForm form);

/// Every character in lower case by itself: a final sigma is not looked for.
std::string lower_case(std::string_view text);

/// Unicode's White_Space.
bool is_white_space(std::uint32_t code) noexcept;
/// Bytes of white space that a text begins or ends with.
std::size_t leading_space(std::string_view text) noexcept;
std::size_t trailing_space(std::string_view text) noexcept;

/// The offset of the first byte that does not belong to UTF-8; the size of the text where all does.
std::size_t valid_utf8(std::string_view text) noexcept;

}  // namespace pastonly::input

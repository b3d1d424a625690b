#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pastonly::input {

/// GPT-2's alphabet, in which byte-level vocabularies are written: a visible character for each byte.
/// Printable bytes of Latin-1 are themselves, the others in order follow from U+0100 on.

/// The character of a byte, as UTF-8.
std::string byte_character(unsigned char byte);
/// The byte of a character; nothing for those outside the alphabet.
std::optional<unsigned char> byte_of(std::uint32_t code) noexcept;
/// The bytes that a token stands for; nothing where it holds other characters.
std::optional<std::string> bytes_of(std::string_view token);

}  // namespace pastonly::input

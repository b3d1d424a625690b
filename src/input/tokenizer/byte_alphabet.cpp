#include "input/tokenizer/byte_alphabet.h"

#include <array>

#include "input/text/code_point.h"

namespace pastonly::input {
namespace {

constexpr bool stands_for_itself(std::uint32_t byte) noexcept {
  return (byte >= '!' && byte <= '~') || (byte >= 0xa1 && byte <= 0xff && byte != 0xad);
}

struct ByteAlphabet {
  std::array<std::uint16_t, 256> codes{};   // of each byte
  std::array<std::int16_t, 0x144> bytes{};  // of each code; -1 = none
};

constexpr ByteAlphabet make_alphabet() noexcept {
  ByteAlphabet out;
  for (auto& byte : out.bytes) byte = -1;
  std::uint32_t next = 0x100;
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    const std::uint32_t code = stands_for_itself(byte) ? byte : next++;
    out.codes[byte] = static_cast<std::uint16_t>(code);
    out.bytes[code] = static_cast<std::int16_t>(byte);
  }
  return out;
}

constexpr ByteAlphabet alphabet = make_alphabet();

}  // namespace

std::string byte_character(unsigned char byte) {
  const std::uint32_t code = alphabet.codes[byte];
  if (code < 0x80) return std::string(1, static_cast<char>(code));
  return {static_cast<char>(0xc0U | (code >> 6)), static_cast<char>(0x80U | (code & 0x3fU))};
}

std::optional<unsigned char> byte_of(std::uint32_t code) noexcept {
  if (code >= alphabet.bytes.size() || alphabet.bytes[code] < 0) return std::nullopt;
  return static_cast<unsigned char>(alphabet.bytes[code]);
}

std::optional<std::string> bytes_of(std::string_view token) {
  std::string out;
  while (!token.empty()) {
    const auto point = first_code_point(token);
    const auto byte = point ? byte_of(point->value) : std::nullopt;
    if (!byte) return std::nullopt;
    out += static_cast<char>(*byte);
    token.remove_prefix(point->bytes);
  }
  return out;
}

}  // namespace pastonly::input

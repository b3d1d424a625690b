#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace pastonly::checkpoint {

/// Word `index` of an array of little-endian int32 at any address: codes of few bits, the first one lowest.
inline std::uint32_t packed_word(const std::byte* data, std::size_t index) noexcept {
  std::uint32_t out = 0;
  std::memcpy(&out, data + index * sizeof out, sizeof out);
  return out;
}

/// Words that `codes` codes of `bits` bits fill.
inline std::size_t packed_words(std::size_t codes, std::size_t bits) noexcept {
  return (codes * bits + 31) / 32;
}

/// Code `index` of 4 or 8 bits.
inline std::uint32_t packed_code(const std::byte* data, std::size_t index, std::size_t bits) noexcept {
  const std::size_t each = 32 / bits;
  return packed_word(data, index / each) >> (index % each * bits) & ((1U << bits) - 1U);
}

}  // namespace pastonly::checkpoint

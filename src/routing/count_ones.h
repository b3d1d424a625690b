#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace pastonly::routing {

/// How many of `count` bytes, zeros and ones, are one: the experts of a token from its mask row. Eight at a
/// time; byte lanes hold up to 255 x 8 of them and are emptied before they overflow.
inline std::size_t count_ones(const std::uint8_t* bytes, std::size_t count) noexcept {
  std::size_t sum = 0, i = 0;
  while (i + 8 <= count) {
    std::uint64_t lanes = 0;
    const std::size_t end = std::min(count, i + std::size_t{255} * 8);
    for (; i + 8 <= end; i += 8) {
      std::uint64_t word = 0;
      std::memcpy(&word, bytes + i, 8);
      lanes += word;
    }
    constexpr std::uint64_t even = 0x00ff00ff00ff00ffU;
    sum += (((lanes & even) + ((lanes >> 8) & even)) * 0x0001000100010001U) >> 48;
  }
  for (; i < count; ++i) sum += bytes[i];
  return sum;
}

}  // namespace pastonly::routing

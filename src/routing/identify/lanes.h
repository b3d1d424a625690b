#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>

#include "routing/identify/run_view.h"

namespace pastonly::routing::hypotheses {

/// Sixteen neighbouring experts of one token, as vectors of the compiler: what a pass over tokens gathers
/// stays in registers, where loops over arrays write it back at every token.
namespace lanes {

inline constexpr std::size_t width = 16;
using Ints = std::int32_t __attribute__((vector_size(width * 4)));
using Floats = float __attribute__((vector_size(width * 4)));

/// One token's scores as order keys, and its mask as all bits or none. Beyond the last expert: the lowest
/// score, not chosen.
struct Row {
  Floats scores;
  Ints keys;
  Ints on;
};

/// Reads `count` <= width experts.
inline Row load(const float* scores, const std::uint8_t* mask, std::size_t count) noexcept {
  Row row;
  std::uint8_t bits[width];
  if (count == width) {
    std::memcpy(&row.scores, scores, sizeof row.scores);
    std::memcpy(bits, mask, sizeof bits);
  } else {
    row.scores = Floats{} - std::numeric_limits<float>::infinity();
    std::memset(bits, 0, sizeof bits);
    std::memcpy(&row.scores, scores, count * sizeof(float));
    std::memcpy(bits, mask, count);
  }
  // As order_key: + 0 makes one zero of two.
  Ints raw;
  const Floats one_zero = row.scores + 0.0F;
  std::memcpy(&raw, &one_zero, sizeof raw);
  row.keys = raw ^ ((raw >> 31) & 0x7fffffff);
  std::int32_t on[width];  // a loop, since g++ 12 converts vectors of bytes one by one
  for (std::size_t i = 0; i < width; ++i) on[i] = -static_cast<std::int32_t>(bits[i]);
  std::memcpy(&row.on, on, sizeof on);
  return row;
}

/// Asks for memory that will be read soon; any address will do.
inline void prefetch(const void* base, std::size_t bytes_on) noexcept {
  // As an integer: a pointer may not leave its array. NOLINTNEXTLINE(performance-no-int-to-ptr)
  __builtin_prefetch(reinterpret_cast<const void*>(reinterpret_cast<std::uintptr_t>(base) + bytes_on));
}

inline Ints least(Ints a, Ints b) noexcept { return a < b ? a : b; }
inline Ints most(Ints a, Ints b) noexcept { return a > b ? a : b; }
/// Keys of the chosen, and of those left out; elsewhere what loses every comparison.
inline Ints if_chosen(const Row& row) noexcept { return (row.keys & row.on) | (highest_key & ~row.on); }
inline Ints if_left(const Row& row) noexcept { return (row.keys & ~row.on) | (lowest_key & row.on); }

struct Range {
  std::int32_t least;
  std::int32_t most;
};
/// The least of `lows` and the most of `highs`, in the steps of one of them: ~ turns the order round.
inline Range range_of(Ints lows, Ints highs) noexcept {
  const Ints turned = ~highs;
  Ints v = least(
      __builtin_shufflevector(lows, turned, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23),
      __builtin_shufflevector(lows, turned, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31));
  v = least(v, __builtin_shufflevector(v, v, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11));
  v = least(v, __builtin_shufflevector(v, v, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13));
  v = least(v, __builtin_shufflevector(v, v, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14));
  return {v[0], ~v[8]};
}

}  // namespace lanes

}  // namespace pastonly::routing::hypotheses

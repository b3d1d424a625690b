#pragma once

#include <bit>
#include <cstdint>

namespace pastonly::routing {

/// The bits of the score as rules compare it: -0 as +0, NaN and infinities as -infinity. On integers
/// alone, so that loops over rows vectorise (the compiler may not turn a float's branch into a select).
inline std::uint32_t comparable_bits(float score) noexcept {
  constexpr std::uint32_t infinity = 0x7f80'0000U, minus_infinity = 0xff80'0000U;
  const auto bits = std::bit_cast<std::uint32_t>(score);
  const std::uint32_t magnitude = bits & 0x7fff'ffffU;
  const std::uint32_t zeroed = magnitude == 0 ? 0U : bits;
  return magnitude < infinity ? zeroed : minus_infinity;
}

/// The score as rules compare it: NaN and infinities rank below every finite score, -0 equals +0.
inline float comparable(float score) noexcept { return std::bit_cast<float>(comparable_bits(score)); }

/// An unsigned integer that orders as `comparable` scores do; never 0.
inline std::uint32_t order_key(float score) noexcept {
  const std::uint32_t bits = comparable_bits(score);
  const auto sign = static_cast<std::uint32_t>(static_cast<std::int32_t>(bits) >> 31);
  return bits ^ (sign | 0x8000'0000U);
}

}  // namespace pastonly::routing

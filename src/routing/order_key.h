#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace pastonly::routing {

/// The score as rules compare it: NaN and infinities rank below every finite score, -0 equals +0.
inline float comparable(float score) noexcept {
  // Written without a call to isfinite so that loops over rows vectorise.
  return std::abs(score) <= std::numeric_limits<float>::max() ? score + 0.0F
                                                              : -std::numeric_limits<float>::infinity();
}

/// Key of a token that may not be selected at all (padding): below the key of every score.
inline constexpr std::uint32_t excluded_key = 0;

/// An unsigned integer that orders as `comparable` scores do; never `excluded_key`.
inline std::uint32_t order_key(float score) noexcept {
  const auto bits = std::bit_cast<std::uint32_t>(comparable(score));
  const auto sign = static_cast<std::uint32_t>(static_cast<std::int32_t>(bits) >> 31);
  return bits ^ (sign | 0x8000'0000U);
}

}  // namespace pastonly::routing

#pragma once

#include <cstdint>

namespace pastonly::toy {

/// A mixing step (splitmix64's finaliser over the pair): a stand-in for "a function of all of this".
inline std::uint64_t mix(std::uint64_t state, std::uint64_t value) noexcept {
  std::uint64_t z = state * 0x9E3779B97F4A7C15ULL + value + 0x9E3779B97F4A7C15ULL;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31);
}
/// Uniform in [0, 1).
inline double unit(std::uint64_t hash) noexcept { return static_cast<double>(hash >> 11) * 0x1.0p-53; }

}  // namespace pastonly::toy

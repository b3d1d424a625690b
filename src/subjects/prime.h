#pragma once

#include <cstddef>

namespace pastonly::subjects {

/// By trial division: for lengths and distances, which are small.
constexpr bool is_prime(std::size_t n) noexcept {
  if (n < 2) return false;
  for (std::size_t d = 2; d * d <= n; ++d) {
    if (n % d == 0) return false;
  }
  return true;
}

}  // namespace pastonly::subjects

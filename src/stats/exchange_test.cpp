#include "stats/exchange_test.h"

#include <algorithm>

#include "kernels/elementary.h"
#include "stats/bound.h"

namespace pastonly::stats {

double exchange_p_value(std::uint64_t differing, std::uint64_t trials, std::uint64_t controls,
                        std::uint64_t controls_differing) {
  if (differing == 0 || controls == 0) return 1.0;
  const auto n = static_cast<double>(trials), m = static_cast<double>(controls);
  const auto marked = static_cast<double>(differing + controls_differing);
  double p = 0.0;
  for (auto k = static_cast<double>(differing); k <= std::min(n, marked); k += 1.0) {
    if (marked - k > m) continue;
    p += kernels::exp2(log2_binomial(n, k) + log2_binomial(m, marked - k) - log2_binomial(n + m, marked));
  }
  return std::min(1.0, p);
}

}  // namespace pastonly::stats

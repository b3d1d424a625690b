#include "stats/exchange_test.h"

#include <algorithm>

#include "kernels/elementary.h"
#include "stats/bound.h"

namespace pastonly::stats {

double exchange_p_value(std::uint64_t differing, std::uint64_t trials, std::uint64_t controls) {
  if (differing == 0 || controls == 0) return 1.0;
  const auto k = static_cast<double>(differing), n = static_cast<double>(trials);
  return std::min(1.0,
                  kernels::exp2(log2_binomial(n, k) - log2_binomial(n + static_cast<double>(controls), k)));
}

}  // namespace pastonly::stats

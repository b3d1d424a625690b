#include "stats/interval.h"

#include "stats/distributions.h"

namespace pastonly::stats {

double clopper_pearson_lower(std::uint64_t successes, std::uint64_t trials, double alpha) {
  if (successes == 0 || trials == 0) return 0.0;
  return beta_quantile(static_cast<double>(successes), static_cast<double>(trials - successes) + 1.0, alpha);
}

double clopper_pearson_upper(std::uint64_t successes, std::uint64_t trials, double alpha) {
  if (successes >= trials) return 1.0;
  return beta_tail_quantile(static_cast<double>(successes) + 1.0, static_cast<double>(trials - successes),
                            alpha);
}

Interval clopper_pearson(std::uint64_t successes, std::uint64_t trials, double alpha) {
  return {clopper_pearson_lower(successes, trials, alpha / 2.0),
          clopper_pearson_upper(successes, trials, alpha / 2.0)};
}

}  // namespace pastonly::stats

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

std::uint64_t trials_for(double rate, double alpha) {
  std::uint64_t enough = 1;
  while (clopper_pearson_upper(0, enough, alpha) > rate) enough *= 2;
  std::uint64_t few = enough / 2;  // 0, or not enough
  while (enough - few > 1) {
    const std::uint64_t between = few + (enough - few) / 2;
    (clopper_pearson_upper(0, between, alpha) > rate ? few : enough) = between;
  }
  return enough;
}

}  // namespace pastonly::stats

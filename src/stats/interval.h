#pragma once

#include <cstdint>

namespace pastonly::stats {

struct Interval {
  double lower = 0.0;
  double upper = 1.0;
};
/// Clopper and Pearson (1934), exact: two-sided at level 1 - alpha. n = 0 gives [0, 1]. Requires
/// successes <= trials, 0 < alpha < 1.
Interval clopper_pearson(std::uint64_t successes, std::uint64_t trials, double alpha);
/// One-sided limits at level 1 - alpha.
double clopper_pearson_lower(std::uint64_t successes, std::uint64_t trials, double alpha);
double clopper_pearson_upper(std::uint64_t successes, std::uint64_t trials, double alpha);
/// The fewest trials without any success after which the one-sided upper limit is at most `rate`: 299 for 1%
/// at alpha = 0.05. Requires 0 < rate < 1, 0 < alpha < 1.
std::uint64_t trials_for(double rate, double alpha);

}  // namespace pastonly::stats

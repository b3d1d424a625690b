#pragma once

#include <optional>
#include <span>

#include "stats/interval.h"

namespace pastonly::stats {

/// The mean of one sample minus the mean of another.
struct MeanDifference {
  double value = 0.0;
  std::optional<Interval> interval;  ///< two-sided at level 1 - alpha; absent where the spread is unknown
  double p_value = 1.0;              ///< one-sided, of "the first mean is at most the second"
};

/// Student's t without assuming equal variances (Welch 1947); where one sample is a single value, with the
/// other's variance for both. Two single values have no interval, and neither do samples without any spread:
/// p is 1 then. Non-finite values are left out; nullopt where nothing is left of a sample.
std::optional<MeanDifference> mean_difference(std::span<const double> first, std::span<const double> second,
                                              double alpha);

}  // namespace pastonly::stats

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

/// Welch's statistic against Student's t with one degree of freedom less than the smaller sample has values.
/// At most alpha of normal samples of equal means are rejected, whatever their spreads (Hsu 1938; Mickey and
/// Brown 1966); Welch's own degrees reject up to 8% where 5% are meant (docs/checks/loss-anomaly.md). A
/// single value has no spread, and that of the other sample is not its own: no interval and p = 1 then, as of
/// samples without any spread. Non-finite values are left out; nullopt where nothing is left of a sample.
std::optional<MeanDifference> mean_difference(std::span<const double> first, std::span<const double> second,
                                              double alpha);

}  // namespace pastonly::stats

#pragma once

#include <span>

namespace pastonly::stats {

/// One-sided p-value of "the mean of what these values are drawn from is at most `bound`" (Student's t).
/// Non-finite values are left out. Fewer than two values: 1. No spread: 0 if above the bound, else 1.
double mean_exceeds(std::span<const double> values, double bound = 0.0);

/// Kendall's tau-b of a sequence against its order: 1 rises throughout, -1 falls, 0 without trend, with
/// all values tied or fewer than two. NaN entries are left out.
double kendall_trend(std::span<const double> values);

}  // namespace pastonly::stats

#pragma once

#include <optional>
#include <span>

#include "stats/interval.h"

namespace pastonly::stats {

/// Student's t interval of the mean of what these independent values are drawn from, two-sided at level
/// 1 - alpha. nullopt for fewer than two values or where one is not finite. No spread: the value itself.
std::optional<Interval> mean_interval(std::span<const double> values, double alpha);

}  // namespace pastonly::stats

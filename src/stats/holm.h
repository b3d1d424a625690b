#pragma once

#include <span>
#include <vector>

namespace pastonly::stats {

/// Holm's (1979) adjusted p-values, in the order given: rejecting those at or below alpha keeps the
/// family-wise error at alpha under any dependence. NaN counts as 1; results lie in [0, 1].
std::vector<double> holm_adjusted(std::span<const double> p_values);

}  // namespace pastonly::stats

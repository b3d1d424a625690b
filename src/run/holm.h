#pragma once

#include <span>
#include <vector>

namespace pastonly {

/// Holm's step-down adjustment: p-values, adjusted so that rejecting those <= alpha keeps the
/// family-wise error rate at alpha under any dependence (Holm 1979). Same order as given.
std::vector<double> holm_adjusted(std::span<const double> p_values);

}  // namespace pastonly

#pragma once

#include <optional>
#include <vector>

#include "kernels/block.h"

namespace pastonly::lab {

/// How the gradients of router rows lie to those of gate weights: means over experts, and over ordered pairs
/// of distinct experts.
struct GradientAlignment {
  double own = 0.0;          ///< |cosine| of a row and the leading right singular direction of its expert's
  double other = 0.0;        ///< the same of another expert's
  double own_share = 0.0;    ///< of the row's square, inside its expert's leading directions
  double other_share = 0.0;  ///< inside another expert's
  double directions = 0.0;   ///< how many those are: the fewest that hold 90% of the square of the gradient
};

/// `router` (N, width), `gates` N of (rows, width). Experts whose row or gate is zero are left out; nullopt
/// where fewer than two are left. O(width^3) for every expert. Requires finite values.
std::optional<GradientAlignment> gradient_alignment(kernels::Block<const float> router,
                                                    const std::vector<kernels::Block<const float>>& gates);

}  // namespace pastonly::lab

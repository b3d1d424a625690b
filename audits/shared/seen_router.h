#pragma once

#include <vector>

#include "kernels/buffer.h"
#include "pastonly/weights.h"

namespace pastonly::audits {

/// A router as the residual stream sees it: rows R_i times the gain of the norm in front of it, element by
/// element, so that a factor moved from the gain to router and experts changes nothing. Behind a LayerNorm
/// their mean over the elements is taken off: what is normalised has none, and no logit shows it.
struct SeenRouter {
  RoutedLayer layer;
  kernels::Matrix<double> rows;  // (N, d)
};

SeenRouter seen_router(const Weights& weights, std::size_t position);

}  // namespace pastonly::audits

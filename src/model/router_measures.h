#pragma once

#include <optional>

#include "model/network.h"

namespace pastonly::model {

/// How the router rows of a network lie to each other and to the experts' gates: means over the MoE layers.
struct RouterMeasures {
  double epsilon = 0.0;          ///< mean over experts of min_j |R_i - R_j| / (2 |R_i|)
  double cosine = 0.0;           ///< mean over pairs of rows
  double absolute_cosine = 0.0;  ///< mean over pairs of rows of its magnitude
  double coupling = 0.0;         ///< expert-router coupling at alpha 1 without noise (objectives.h)
  friend bool operator==(const RouterMeasures&, const RouterMeasures&) = default;
};

/// Rows of a cosine router are its centroids at length 1. nullopt where no router has two rows: without MoE
/// layers, with a single expert, and for autonomy, which has no router weights. Reads weights alone.
std::optional<RouterMeasures> measure_routers(const Network<float>& network);

}  // namespace pastonly::model

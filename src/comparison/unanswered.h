#pragma once

#include <span>
#include <vector>

#include "comparison/coverage.h"
#include "comparison/trials.h"
#include "pastonly/ids.h"

namespace pastonly::comparison {

/// Layers whose decisions cannot have shown a leak: none of the redrawn tokens of these trials (32 at least)
/// is routed otherwise than in the base, and nothing recorded says that this is what the layer does. Scores
/// say so where the experts of 99% of the redrawn tokens are the best by score, bias included (a router that
/// learned one answer for all); where a token has every expert, gates that move say so. Layers that route
/// none of these tokens are left out. `moved` as counted over the same trials.
std::vector<LayerIndex> unanswered_layers(std::span<const Trial> trials, const MovedAfterCut& moved);

}  // namespace pastonly::comparison

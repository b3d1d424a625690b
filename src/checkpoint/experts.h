#pragma once

#include "checkpoint/description.h"
#include "checkpoint/inference_workspace.h"
#include "checkpoint/layer_weights.h"

namespace pastonly::checkpoint {

/// workspace.branch (tokens, width) = the sum over a token's experts, in their order, of gate times output.
/// Gathers the tokens of as many experts at a time as `route_floats` allow. Requires routes and gates.
void route_experts(const Description& description, const std::vector<SwigluWeights>& experts,
                   InferenceWorkspace& workspace);

/// workspace.branch += (or =, where `first`) one SwiGLU of every token, weighted by sigmoid(x w) where there
/// is a gate.
void dense_expert(const Description& description, const SwigluWeights& weights, const Linear& gate,
                  bool first, InferenceWorkspace& workspace);

}  // namespace pastonly::checkpoint

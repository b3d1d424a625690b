#pragma once

#include <cstdint>
#include <span>

#include "checkpoint/description.h"
#include "checkpoint/inference_workspace.h"
#include "checkpoint/layer_weights.h"
#include "pastonly/routing_rule.h"
#include "runtime/batch.h"

namespace pastonly::checkpoint {

/// Scores of all tokens from workspace.normed: router_logits and scores, (tokens, experts). The softmax is
/// taken in double.
void score(const RouterDescription& router, const LayerWeights& weights, InferenceWorkspace& workspace);

/// Selection by a rule: workspace.routing and its lists of routes.
void select(const RoutingRule& rule, const runtime::Batch& batch, std::uint64_t seed,
            InferenceWorkspace& workspace);

/// Combine weights of one token's experts, which are given in ascending order: a function of its logits,
/// scores and experts alone. Under a rule other than the declared one a token may have any number of
/// experts, none among them. The sparse mixer takes them by falling logit.
void gates_of(const RouterDescription& router, std::span<const float> logits, std::span<const float> scores,
              std::span<const std::uint16_t> experts, std::span<float> out);

/// Of all routes: workspace.gates, each times its expert's scale where there are such.
void gate(const RouterDescription& router, std::span<const float> scales, InferenceWorkspace& workspace);

}  // namespace pastonly::checkpoint

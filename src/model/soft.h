#pragma once

#include "model/network.h"
#include "model/token_blocks.h"
#include "routing/rule_ids.h"

namespace pastonly::model {

// Soft mixture of experts (Puigcerver et al. 2023, section 2.1), one slot for every expert and group of
// tokens (the batch, or each sequence). With logits (tokens, experts): a slot is the mean of its group's
// tokens weighted by the softmax over the group's tokens (`mixing`); a token receives the slots' outputs
// weighted by the softmax over experts (`combine`, the scores). Slots take the place of routes: expert-major,
// then groups.

inline bool is_soft(const RouterConfig& router) { return router.rule.id == routing::ids::soft_moe; }

/// Slots and weights from scores and masks: the layer's dispatch, gates of 1, gathered rows.
template <class Real>
void soft_dispatch(const ModelConfig& config, const RoutingRule& rule, LayerState<Real>& layer,
                   Workspace<Real>& workspace);
/// Keeps the slots' outputs, which the backward pass reads.
template <class Real>
void keep_slot_outputs(LayerState<Real>& layer, const Workspace<Real>& workspace);
/// Adds what rows of tokens receive to `out` (rows, width).
template <class Real>
void soft_combine(const LayerState<Real>& layer, Rows rows, Block<Real> out);

/// Gradients of the slots' outputs (workspace.expert_rows) from workspace.d_stream.
template <class Real>
void soft_output_gradients(const LayerState<Real>& layer, Workspace<Real>& workspace);
/// After the experts' backward pass: overwrites the gradients of scores and, through the mixing, of logits.
template <class Real>
void soft_weight_gradients(const LayerState<Real>& layer, Workspace<Real>& workspace);
/// Adds to `d_normed` (rows, width) what the slots say of their tokens.
template <class Real>
void soft_input_gradients(const LayerState<Real>& layer, const Workspace<Real>& workspace, Rows rows,
                          Block<Real> d_normed);

}  // namespace pastonly::model

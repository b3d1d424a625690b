#pragma once

#include <string>

#include "checkpoint/description.h"
#include "checkpoint/inference_workspace.h"
#include "checkpoint/layer_weights.h"
#include "checkpoint/tensor_finder.h"
#include "runtime/batch.h"

namespace pastonly::checkpoint {

/// The weights of a layer that carries a state from token to token in place of attention. Errors stay in the
/// finder. `layer`: "model.layers.0.".
RecurrentWeights bind_recurrent(TensorFinder& find, const Description& description, Mixer mixer,
                                const std::string& layer);

// Each takes workspace.normed (tokens, width) to workspace.branch. A token's result depends on its own row
// and on rows before it in its sequence, to the last bit.

void delta(const Description& description, const RecurrentWeights& weights, const runtime::Batch& batch,
           InferenceWorkspace& workspace);
void short_convolution(const Description& description, const RecurrentWeights& weights,
                       const runtime::Batch& batch, InferenceWorkspace& workspace);
void state_space(const Description& description, const RecurrentWeights& weights, const runtime::Batch& batch,
                 InferenceWorkspace& workspace);

}  // namespace pastonly::checkpoint

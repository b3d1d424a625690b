#pragma once

#include "model/parameters.h"
#include "model/workspace.h"

namespace pastonly::model {

/// Overwrites the gradients of all matrices of a layer, from what the passes over tokens and experts left
/// in the workspace. One parallel pass over slices of all products.
template <class Real>
void weight_gradients(const ModelConfig& config, const LayerTensors& tensors, const LayerState<Real>& layer,
                      Workspace<Real>& workspace, Arena<Real>& gradients);
/// Overwrites the gradient of the output matrix; workspace.logits holds the logits' gradients.
template <class Real>
void head_gradient(const ParameterTable& table, Workspace<Real>& workspace, Arena<Real>& gradients);
/// Adds what d_stream says of the embeddings; where they are not tied, overwrites.
template <class Real>
void embedding_gradient(const ParameterTable& table, Workspace<Real>& workspace, Arena<Real>& gradients);

}  // namespace pastonly::model

#pragma once

#include "model/network.h"

namespace pastonly::model {

/// The grouped expert products of one layer, over gathered tokens; serial over one range of an expert's
/// routes. Requires routes_resize after the layer's dispatch and gates are known.
template <class Real>
void resize_routes(const ModelConfig& config, LayerState<Real>& layer, Workspace<Real>& workspace);

/// Expert outputs, weighted by their gates, into workspace.expert_rows.
template <class Real>
void experts_forward(const ModelConfig& config, const LayerTensors& tensors, const Arena<Real>& parameters,
                     const Dispatch::Range& range, LayerState<Real>& layer, Workspace<Real>& workspace);

template <class Real>
void resize_route_gradients(const ModelConfig& config, const LayerState<Real>& layer,
                            Workspace<Real>& workspace);
/// From workspace.d_stream: gathered output gradients (expert_rows), gate gradients (d_gates), input
/// gradients (d_rows), and gate_up replaced by its gradient for the products over weights.
template <class Real>
void experts_backward(const ModelConfig& config, const LayerTensors& tensors, const Arena<Real>& parameters,
                      const Dispatch::Range& range, LayerState<Real>& layer, Workspace<Real>& workspace);

}  // namespace pastonly::model

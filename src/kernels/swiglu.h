#pragma once

#include "kernels/block.h"

namespace pastonly::model {

using kernels::Block;

/// The element-wise part of SwiGLU (Shazeer 2020), fused with the token's combine weight.
/// gate_up (rows, 2 f): gate and up projections side by side; act (rows, f) = w silu(gate) up with w
/// from `weights` (rows), or 1 where that is nullptr.
template <class Real>
void swiglu(Block<const Real> gate_up, const Real* weights, Block<Real> act);
/// d_act (rows, f) is the gradient of act before weighting by w. Replaces gate_up by its gradient and
/// writes the weights' gradients (rows) where weights are given.
template <class Real>
void swiglu_backward(Block<const Real> d_act, const Real* weights, Block<Real> gate_up,
                     Real* weight_gradients);

}  // namespace pastonly::model

#pragma once

#include "kernels/block.h"

namespace pastonly::kernels {

/// The element-wise part of SwiGLU (Shazeer 2020), fused with the token's combine weight: act (rows, f) =
/// w silu(gate) up with w from `weights` (rows), or 1 where that is nullptr. gates and ups (rows, f) may lie
/// side by side.
template <class Real>
void swiglu(Block<const Real> gates, Block<const Real> ups, const Real* weights, Block<Real> act);
/// d_act (rows, f) is the gradient of act before weighting by w. Replaces gates and ups by their gradients
/// and writes the weights' gradients (rows) where weights are given; sums as in rows.h.
template <class Real>
void swiglu_backward(Block<const Real> d_act, const Real* weights, Block<Real> gates, Block<Real> ups,
                     Real* weight_gradients);
/// As Gemma has it, with the tanh form of GELU: act = up gate / (1 + e^(-2 sqrt(2/pi) (gate + 0.044715
/// gate^3))).
void geglu(Block<const float> gates, Block<const float> ups, Block<float> act);
/// As gpt-oss has it: gates up to `limit`, ups within +-limit, act = (up + 1) gate / (1 + e^(-alpha gate)).
void clamped_swiglu(Block<const float> gates, Block<const float> ups, float alpha, float limit,
                    Block<float> act);

}  // namespace pastonly::kernels

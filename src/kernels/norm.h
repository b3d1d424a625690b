#pragma once

#include "kernels/block.h"

namespace pastonly::model {

using kernels::Block;

/// y = gain * x / sqrt(mean(x^2) + epsilon), row by row; `inverse` (rows) keeps the factors. y may be x.
template <class Real>
void rms_norm(Block<const Real> x, const Real* gain, Real epsilon, Block<Real> y, Real* inverse);
/// x += residual, then y = rms_norm(x): one pass less.
template <class Real>
void add_and_norm(Block<const Real> residual, Block<Real> x, const Real* gain, Real epsilon, Block<Real> y,
                  Real* inverse);
/// dx = base + what dy (the gradient of y) says of x; adds to gain_gradient (columns). `base` without data
/// counts as 0; dx may be base, but not dy.
template <class Real>
void rms_norm_backward(Block<const Real> dy, Block<const Real> x, const Real* gain, const Real* inverse,
                       Block<const Real> base, Block<Real> dx, Real* gain_gradient);

}  // namespace pastonly::model

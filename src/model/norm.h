#pragma once

#include "model/block.h"

namespace pastonly::model {

/// y = gain * x / sqrt(mean(x^2) + epsilon), row by row; `inverse` (rows) keeps the factors. y may be x.
template <class Real>
void rms_norm(Block<const Real> x, const Real* gain, Real epsilon, Block<Real> y, Real* inverse);
/// Adds to dx and to gain_gradient (columns) what dy (the gradient of y) says. dx may not be dy.
template <class Real>
void rms_norm_backward(Block<const Real> dy, Block<const Real> x, const Real* gain, const Real* inverse,
                       Block<Real> dx, Real* gain_gradient);

}  // namespace pastonly::model

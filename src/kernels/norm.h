#pragma once

#include <cstddef>

#include "kernels/block.h"

namespace pastonly::kernels {

/// RMS norm (Zhang and Sennrich 2019), row by row; sums as in rows.h.

/// y = gain * x / sqrt(mean(x^2) + epsilon); `inverse` (rows) keeps the factors. y may be x.
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

/// y = (x - mean) factor gain + bias over one row; no gain counts as 1, no bias as 0.
void place(const float* x, float mean, float factor, const float* gain, const float* bias, std::size_t size,
           float* y);

}  // namespace pastonly::kernels

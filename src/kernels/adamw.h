#pragma once

#include <cstddef>

namespace pastonly::kernels {

/// The constants of one AdamW step (Loshchilov and Hutter 2019) that all elements share.
template <class Real>
struct AdamWStep {
  Real beta1, beta2;
  Real clip;     ///< factor of the gradient
  Real keep;     ///< 1 - rate * decay
  Real move;     ///< rate sqrt(1 - beta2^t) / (1 - beta1^t)
  Real epsilon;  ///< times sqrt(1 - beta2^t)
};
/// m = beta1 m + (1 - beta1) clip g; v = beta2 v + (1 - beta2) clip^2 g^2; p = keep p - move m / (sqrt v +
/// epsilon).
template <class Real>
void adamw(const AdamWStep<Real>& step, const Real* gradient, std::size_t size, Real* m, Real* v, Real* p);

/// The sum of squares, in double, sixteen partial sums added by halves.
template <class Real>
double square_sum(const Real* row, std::size_t size);

}  // namespace pastonly::kernels

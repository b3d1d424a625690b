#include "model/norm.h"

#include <cmath>

#include "model/eigen.h"

namespace pastonly::model {

template <class Real>
void rms_norm(Block<const Real> x, const Real* gain, Real epsilon, Block<Real> y, Real* inverse) {
  const auto g = array(gain, x.columns);
  for (std::size_t i = 0; i < x.rows; ++i) {
    const auto row = array(x.row(i), x.columns);
    inverse[i] = Real{1} / std::sqrt(row.square().mean() + epsilon);
    array(y.row(i), x.columns) = row * g * inverse[i];
  }
}

template <class Real>
void rms_norm_backward(Block<const Real> dy, Block<const Real> x, const Real* gain, const Real* inverse,
                       Block<Real> dx, Real* gain_gradient) {
  const auto g = array(gain, x.columns);
  auto dg = array(gain_gradient, x.columns);
  for (std::size_t i = 0; i < x.rows; ++i) {
    const auto row = array(x.row(i), x.columns);
    const auto d = array(dy.row(i), x.columns);
    const Real r = inverse[i];
    const Real along = (d * g * row).mean() * r * r * r;
    array(dx.row(i), x.columns) += d * g * r - row * along;
    dg += d * row * r;
  }
}

#define PASTONLY_NORM(Real)                                                                             \
  template void rms_norm<Real>(Block<const Real>, const Real*, Real, Block<Real>, Real*);               \
  template void rms_norm_backward<Real>(Block<const Real>, Block<const Real>, const Real*, const Real*, \
                                        Block<Real>, Real*);
PASTONLY_NORM(float)
PASTONLY_NORM(double)
#undef PASTONLY_NORM

}  // namespace pastonly::model

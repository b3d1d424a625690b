#include "model/norm.h"

#include <cmath>

#include "model/lanes.h"

namespace pastonly::model {

template <class Real>
void rms_norm(Block<const Real> x, const Real* gain, Real epsilon, Block<Real> y, Real* inverse) {
  const std::size_t size = x.columns;
  for (std::size_t i = 0; i < x.rows; ++i) {
    const Real* row = x.row(i);
    const Real factor = Real{1} / std::sqrt(inner<Real>(row, row, size) / static_cast<Real>(size) + epsilon);
    for_lanes<Real>(size, [&](std::size_t at, auto lanes) {
      store(y.row(i) + at, load(row + at, lanes) * load(gain + at, lanes) * factor, lanes);
    });
    inverse[i] = factor;
  }
}

template <class Real>
void add_and_norm(Block<const Real> residual, Block<Real> x, const Real* gain, Real epsilon, Block<Real> y,
                  Real* inverse) {
  const std::size_t size = x.columns;
  for (std::size_t i = 0; i < x.rows; ++i) {
    Real* row = x.row(i);
    Vector<Real> squares{};
    for_lanes<Real>(size, [&](std::size_t at, auto lanes) {
      const Vector<Real> value = load(residual.row(i) + at, lanes) + load(row + at, lanes);
      store(row + at, value, lanes);
      squares += value * value;
    });
    const Real factor = Real{1} / std::sqrt(sum<Real>(squares) / static_cast<Real>(size) + epsilon);
    for_lanes<Real>(size, [&](std::size_t at, auto lanes) {
      store(y.row(i) + at, load(row + at, lanes) * load(gain + at, lanes) * factor, lanes);
    });
    inverse[i] = factor;
  }
}

template <class Real>
void rms_norm_backward(Block<const Real> dy, Block<const Real> x, const Real* gain, const Real* inverse,
                       Block<const Real> base, Block<Real> dx, Real* gain_gradient) {
  const std::size_t size = x.columns;
  for (std::size_t i = 0; i < x.rows; ++i) {
    const Real *row = x.row(i), *d = dy.row(i);
    const Real factor = inverse[i];
    Vector<Real> products{};
    for_lanes<Real>(size, [&](std::size_t at, auto lanes) {
      products += load(d + at, lanes) * load(gain + at, lanes) * load(row + at, lanes);
    });
    const Real along = sum<Real>(products) / static_cast<Real>(size) * factor * factor * factor;
    for_lanes<Real>(size, [&](std::size_t at, auto lanes) {
      const Vector<Real> value = load(row + at, lanes), slope = load(d + at, lanes);
      Vector<Real> moved = slope * load(gain + at, lanes) * factor - value * along;
      if (base.data != nullptr) moved += load(base.row(i) + at, lanes);
      store(dx.row(i) + at, moved, lanes);
      store(gain_gradient + at, load(gain_gradient + at, lanes) + slope * value * factor, lanes);
    });
  }
}

#define PASTONLY_NORM(Real)                                                                                \
  template void rms_norm<Real>(Block<const Real>, const Real*, Real, Block<Real>, Real*);                  \
  template void add_and_norm<Real>(Block<const Real>, Block<Real>, const Real*, Real, Block<Real>, Real*); \
  template void rms_norm_backward<Real>(Block<const Real>, Block<const Real>, const Real*, const Real*,    \
                                        Block<const Real>, Block<Real>, Real*);
PASTONLY_NORM(float)
PASTONLY_NORM(double)
#undef PASTONLY_NORM

}  // namespace pastonly::model

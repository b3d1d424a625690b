#include "kernels/norm.h"

#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/norm.cpp"
#include "kernels/foreach_target.h"
#include "kernels/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace pastonly::kernels::HWY_NAMESPACE {
namespace {

template <class T>
HWY_INLINE T factor_of(const Wide<T>& squares, std::size_t size, T epsilon) {
  return T{1} / std::sqrt(sum(squares) / static_cast<T>(size) + epsilon);
}

/// y = gain x factor.
template <class T>
HWY_INLINE void stretch(const T* x, const T* gain, std::size_t size, T factor, T* y) {
  const Wide<T> by = spread(factor);
  for_row(size, [&](std::size_t at, auto part)
                    HWY_ATTR { store(y + at, load(x + at, part) * load(gain + at, part) * by, part); });
}

template <class T>
void rms_norm(Block<const T> x, const T* gain, T epsilon, Block<T> y, T* inverse) {
  const std::size_t size = x.columns;
  for (std::size_t i = 0; i < x.rows; ++i) {
    const T* row = x.row(i);
    Wide<T> squares = spread(T{0});
    for_row(size, [&](std::size_t at, auto part) HWY_ATTR {
      const Wide<T> value = load(row + at, part);
      squares = fma(value, value, squares);
    });
    inverse[i] = factor_of(squares, size, epsilon);
    stretch(row, gain, size, inverse[i], y.row(i));
  }
}

template <class T>
void add_and_norm(Block<const T> residual, Block<T> x, const T* gain, T epsilon, Block<T> y, T* inverse) {
  const std::size_t size = x.columns;
  for (std::size_t i = 0; i < x.rows; ++i) {
    const T* other = residual.row(i);
    T* row = x.row(i);
    Wide<T> squares = spread(T{0});
    for_row(size, [&](std::size_t at, auto part) HWY_ATTR {
      const Wide<T> value = load(other + at, part) + load(row + at, part);
      store(row + at, value, part);
      squares = fma(value, value, squares);
    });
    inverse[i] = factor_of(squares, size, epsilon);
    stretch<T>(row, gain, size, inverse[i], y.row(i));
  }
}

template <class T>
void rms_norm_backward(Block<const T> dy, Block<const T> x, const T* gain, const T* inverse,
                       Block<const T> base, Block<T> dx, T* gain_gradient) {
  const std::size_t size = x.columns;
  for (std::size_t i = 0; i < x.rows; ++i) {
    const T *row = x.row(i), *d = dy.row(i);
    const T* before = base.data == nullptr ? nullptr : base.row(i);
    T* to = dx.row(i);
    const T factor = inverse[i];
    Wide<T> products = spread(T{0});
    for_row(size, [&](std::size_t at, auto part) HWY_ATTR {
      products = fma(load(d + at, part) * load(gain + at, part), load(row + at, part), products);
    });
    const Wide<T> along = spread(sum(products) / static_cast<T>(size) * factor * factor * factor);
    const Wide<T> by = spread(factor);
    for_row(size, [&](std::size_t at, auto part) HWY_ATTR {
      const Wide<T> value = load(row + at, part), slope = load(d + at, part) * by;
      Wide<T> moved = fnma(value, along, slope * load(gain + at, part));
      if (before != nullptr) moved = moved + load(before + at, part);
      store(to + at, moved, part);
      store(gain_gradient + at, fma(slope, value, load(gain_gradient + at, part)), part);
    });
  }
}

void place(const float* x, float mean, float factor, const float* gain, const float* bias, std::size_t size,
           float* y) {
  const Wide<float> middle = spread(mean), by = spread(factor);
  for_row(size, [&](std::size_t at, auto part) HWY_ATTR {
    Wide<float> value = (load(x + at, part) - middle) * by;
    if (gain != nullptr) value = value * load(gain + at, part);
    if (bias != nullptr) value = value + load(bias + at, part);
    store(y + at, value, part);
  });
}

}  // namespace
}  // namespace pastonly::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace pastonly::kernels {

template <class Real>
void rms_norm(Block<const Real> x, const Real* gain, Real epsilon, Block<Real> y, Real* inverse) {
  PASTONLY_DISPATCH(rms_norm(x, gain, epsilon, y, inverse))
}
template <class Real>
void add_and_norm(Block<const Real> residual, Block<Real> x, const Real* gain, Real epsilon, Block<Real> y,
                  Real* inverse) {
  PASTONLY_DISPATCH(add_and_norm(residual, x, gain, epsilon, y, inverse))
}
template <class Real>
void rms_norm_backward(Block<const Real> dy, Block<const Real> x, const Real* gain, const Real* inverse,
                       Block<const Real> base, Block<Real> dx, Real* gain_gradient) {
  PASTONLY_DISPATCH(rms_norm_backward(dy, x, gain, inverse, base, dx, gain_gradient))
}
void place(const float* x, float mean, float factor, const float* gain, const float* bias, std::size_t size,
           float* y){PASTONLY_DISPATCH(place(x, mean, factor, gain, bias, size, y))}

#define PASTONLY_NORM(Real)                                                                                \
  template void rms_norm<Real>(Block<const Real>, const Real*, Real, Block<Real>, Real*);                  \
  template void add_and_norm<Real>(Block<const Real>, Block<Real>, const Real*, Real, Block<Real>, Real*); \
  template void rms_norm_backward<Real>(Block<const Real>, Block<const Real>, const Real*, const Real*,    \
                                        Block<const Real>, Block<Real>, Real*);
PASTONLY_NORM(float) PASTONLY_NORM(double)
#undef PASTONLY_NORM

}  // namespace pastonly::kernels
#endif

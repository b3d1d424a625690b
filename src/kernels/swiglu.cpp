#include "kernels/swiglu.h"

#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/swiglu.cpp"
#include "kernels/foreach_target.h"
#include "kernels/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace pastonly::kernels::HWY_NAMESPACE {
namespace {

template <class T>
void swiglu(Block<const T> gates, Block<const T> ups, const T* weights, Block<T> act) {
  for (std::size_t i = 0; i < act.rows; ++i) {
    const T *gate_row = gates.row(i), *up_row = ups.row(i);
    T* out = act.row(i);
    const Wide<T> weight = spread(weights == nullptr ? T{1} : weights[i]);
    for_row(act.columns, [&](std::size_t at, auto part) HWY_ATTR {
      const Wide<T> gate = load(gate_row + at, part);
      store(out + at, weight * gate * logistic(gate) * load(up_row + at, part), part);
    });
  }
}

template <class T>
void swiglu_backward(Block<const T> d_act, const T* weights, Block<T> gates, Block<T> ups,
                     T* weight_gradients) {
  for (std::size_t i = 0; i < d_act.rows; ++i) {
    const T* d_row = d_act.row(i);
    T *gate_row = gates.row(i), *up_row = ups.row(i);
    const Wide<T> weight = spread(weights == nullptr ? T{1} : weights[i]);
    Wide<T> total = spread(T{0});
    for_row(d_act.columns, [&](std::size_t at, auto part) HWY_ATTR {
      const Wide<T> gate = load(gate_row + at, part), up = load(up_row + at, part);
      const Wide<T> d = load(d_row + at, part);
      const Wide<T> sigmoid = logistic(gate), silu = gate * sigmoid;
      total = fma(d * silu, up, total);  // beyond the row's end d is 0
      store(gate_row + at, weight * d * up * fma(silu, T{1} - sigmoid, sigmoid), part);
      store(up_row + at, weight * d * silu, part);
    });
    if (weight_gradients != nullptr) weight_gradients[i] = sum(total);
  }
}

void geglu(Block<const float> gates, Block<const float> ups, Block<float> act) {
  constexpr float slope = 1.5957691216057308F, cubic = 0.044715F;  // 2 sqrt(2 / pi)
  const Wide<float> slopes = spread(slope), cubics = spread(slope * cubic);
  for (std::size_t i = 0; i < act.rows; ++i) {
    const float *gate_row = gates.row(i), *up_row = ups.row(i);
    float* out = act.row(i);
    for_row(act.columns, [&](std::size_t at, auto part) HWY_ATTR {
      const Wide<float> gate = load(gate_row + at, part);
      store(out + at, load(up_row + at, part) * gate * logistic(gate * fma(cubics * gate, gate, slopes)),
            part);
    });
  }
}

void clamped_swiglu(Block<const float> gates, Block<const float> ups, float alpha, float limit,
                    Block<float> act) {
  const Wide<float> high = spread(limit), low = spread(-limit), slope = spread(alpha);
  for (std::size_t i = 0; i < act.rows; ++i) {
    const float *gate_row = gates.row(i), *up_row = ups.row(i);
    float* out = act.row(i);
    for_row(act.columns, [&](std::size_t at, auto part) HWY_ATTR {
      const Wide<float> gate = smaller(high, load(gate_row + at, part));
      const Wide<float> up = smaller(high, larger(low, load(up_row + at, part)));
      store(out + at, (up + 1.0F) * gate * logistic(slope * gate), part);
    });
  }
}

}  // namespace
}  // namespace pastonly::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace pastonly::kernels {

template <class Real>
void swiglu(Block<const Real> gates, Block<const Real> ups, const Real* weights, Block<Real> act) {
  PASTONLY_DISPATCH(swiglu(gates, ups, weights, act))
}
template <class Real>
void swiglu_backward(Block<const Real> d_act, const Real* weights, Block<Real> gates, Block<Real> ups,
                     Real* weight_gradients) {
  PASTONLY_DISPATCH(swiglu_backward(d_act, weights, gates, ups, weight_gradients))
}
void geglu(Block<const float> gates, Block<const float> ups, Block<float> act) {
  PASTONLY_DISPATCH(geglu(gates, ups, act))
}
void clamped_swiglu(Block<const float> gates, Block<const float> ups, float alpha, float limit,
                    Block<float> act){PASTONLY_DISPATCH(clamped_swiglu(gates, ups, alpha, limit, act))}

#define PASTONLY_SWIGLU(Real)                                                                 \
  template void swiglu<Real>(Block<const Real>, Block<const Real>, const Real*, Block<Real>); \
  template void swiglu_backward<Real>(Block<const Real>, const Real*, Block<Real>, Block<Real>, Real*);
PASTONLY_SWIGLU(float) PASTONLY_SWIGLU(double)
#undef PASTONLY_SWIGLU

}  // namespace pastonly::kernels
#endif

#include "model/swiglu.h"

#include "model/lanes.h"

namespace pastonly::model {

template <class Real>
void swiglu(Block<const Real> gate_up, const Real* weights, Block<Real> act) {
  const std::size_t f = act.columns;
  for (std::size_t i = 0; i < act.rows; ++i) {
    const Real* gates = gate_up.row(i);
    const Real weight = weights == nullptr ? Real{1} : weights[i];
    for_lanes<Real>(f, [&](std::size_t at, auto lanes) {
      const Vector<Real> gate = load(gates + at, lanes), up = load(gates + f + at, lanes);
      store(act.row(i) + at, weight * gate * logistic<Real>(gate) * up, lanes);
    });
  }
}

template <class Real>
void swiglu_backward(Block<const Real> d_act, const Real* weights, Block<Real> gate_up,
                     Real* weight_gradients) {
  const std::size_t f = d_act.columns;
  for (std::size_t i = 0; i < d_act.rows; ++i) {
    Real* gates = gate_up.row(i);
    const Real weight = weights == nullptr ? Real{1} : weights[i];
    Vector<Real> weight_gradient{};
    for_lanes<Real>(f, [&](std::size_t at, auto lanes) {
      const Vector<Real> gate = load(gates + at, lanes), up = load(gates + f + at, lanes);
      const Vector<Real> d = load(d_act.row(i) + at, lanes);
      const Vector<Real> sigmoid = logistic<Real>(gate), silu = gate * sigmoid;
      weight_gradient += d * silu * up;  // lanes beyond the row's end hold 0
      store(gates + at, weight * d * up * (sigmoid + silu * (Real{1} - sigmoid)), lanes);
      store(gates + f + at, weight * d * silu, lanes);
    });
    if (weight_gradients != nullptr) weight_gradients[i] = sum<Real>(weight_gradient);
  }
}

#define PASTONLY_SWIGLU(Real)                                              \
  template void swiglu<Real>(Block<const Real>, const Real*, Block<Real>); \
  template void swiglu_backward<Real>(Block<const Real>, const Real*, Block<Real>, Real*);
PASTONLY_SWIGLU(float)
PASTONLY_SWIGLU(double)
#undef PASTONLY_SWIGLU

}  // namespace pastonly::model

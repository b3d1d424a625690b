#include "model/swiglu.h"

#include "model/eigen.h"

namespace pastonly::model {

template <class Real>
void swiglu(Block<const Real> gate_up, const Real* weights, Block<Real> act) {
  const std::size_t f = act.columns;
  for (std::size_t i = 0; i < act.rows; ++i) {
    const auto gate = array(gate_up.row(i), f);
    const auto up = array(gate_up.row(i) + f, f);
    const Real weight = weights == nullptr ? Real{1} : weights[i];
    array(act.row(i), f) = weight * gate * up / (Real{1} + (-gate).exp());
  }
}

template <class Real>
void swiglu_backward(Block<const Real> d_act, const Real* weights, Block<Real> gate_up,
                     Real* weight_gradients) {
  constexpr std::size_t together = 256;  // columns: the sigmoid waits on the stack
  Real kept[together];
  const std::size_t f = d_act.columns;
  for (std::size_t i = 0; i < d_act.rows; ++i) {
    const Real weight = weights == nullptr ? Real{1} : weights[i];
    Real weight_gradient{0};
    for (std::size_t first = 0; first < f; first += together) {
      const std::size_t size = f - first < together ? f - first : together;
      auto gate = array(gate_up.row(i) + first, size);
      auto up = array(gate_up.row(i) + f + first, size);
      const auto d = array(d_act.row(i) + first, size);
      auto sigmoid = array(kept, size);
      sigmoid = (Real{1} + (-gate).exp()).inverse();
      weight_gradient += (d * gate * sigmoid * up).sum();
      // silu' = s + g s (1 - s); the up gradient needs the gate, so both wait for their last reader.
      const auto slope = sigmoid * (Real{1} + gate * (Real{1} - sigmoid));
      for (std::size_t j = 0; j < size; ++j) {
        const auto at = static_cast<Eigen::Index>(j);
        const Real silu = gate[at] * sigmoid[at];
        const Real gate_gradient = weight * d[at] * up[at] * slope[at];
        up[at] = weight * d[at] * silu;
        gate[at] = gate_gradient;
      }
    }
    if (weight_gradients != nullptr) weight_gradients[i] = weight_gradient;
  }
}

#define PASTONLY_SWIGLU(Real)                                              \
  template void swiglu<Real>(Block<const Real>, const Real*, Block<Real>); \
  template void swiglu_backward<Real>(Block<const Real>, const Real*, Block<Real>, Real*);
PASTONLY_SWIGLU(float)
PASTONLY_SWIGLU(double)
#undef PASTONLY_SWIGLU

}  // namespace pastonly::model

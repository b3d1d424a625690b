#include "model/rotary.h"

#include "kernels/elementary.h"
#include "kernels/rotary.h"

namespace pastonly::model {

template <class Real>
void Rotary<Real>::prepare(std::size_t positions, std::size_t width, double theta) {
  if (positions <= positions_ && half_ == width / 2 && theta_ == theta) return;
  half_ = width / 2;
  positions_ = positions;
  theta_ = theta;
  cosines_.resize(positions * half_);
  sines_.resize(positions * half_);
  for (std::size_t i = 0; i < half_; ++i) {
    const double frequency = kernels::pow(theta, -static_cast<double>(i) / static_cast<double>(half_));
    for (std::size_t position = 0; position < positions; ++position) {
      const double angle = static_cast<double>(position) * frequency;
      cosines_[position * half_ + i] = static_cast<Real>(kernels::cos(angle));
      sines_[position * half_ + i] = static_cast<Real>(kernels::sin(angle));
    }
  }
}

template <class Real>
void Rotary<Real>::turn(Real* row, std::size_t heads, std::size_t position, bool backward) const {
  kernels::turn_halves<Real>(row, heads, 2 * half_, half_, cosines_.data() + position * half_,
                             sines_.data() + position * half_, backward);
}

template class Rotary<float>;
template class Rotary<double>;

}  // namespace pastonly::model

#include "model/rotary.h"

#include <cmath>
#include <cstring>

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
    const double frequency = std::pow(theta, -static_cast<double>(i) / static_cast<double>(half_));
    for (std::size_t position = 0; position < positions; ++position) {
      const double angle = static_cast<double>(position) * frequency;
      cosines_[position * half_ + i] = static_cast<Real>(std::cos(angle));
      sines_[position * half_ + i] = static_cast<Real>(std::sin(angle));
    }
  }
}

template <class Real>
void Rotary<Real>::turn(Real* head, std::size_t position, bool backward) const {
  const Real* cosines = cosines_.data() + position * half_;
  const Real* sines = sines_.data() + position * half_;
  Real* second = head + half_;
  const Real sign = backward ? Real{-1} : Real{1};
  // Halves of a head are short: vectors of 32 bytes fit most of them.
  typedef Real Pairs __attribute__((vector_size(32)));
  constexpr std::size_t step = 32 / sizeof(Real);
  std::size_t i = 0;
  for (; i + step <= half_; i += step) {
    Pairs x, y, c, s;
    std::memcpy(&x, head + i, sizeof(x));
    std::memcpy(&y, second + i, sizeof(y));
    std::memcpy(&c, cosines + i, sizeof(c));
    std::memcpy(&s, sines + i, sizeof(s));
    s *= sign;
    const Pairs turned = x * c - y * s, other = y * c + x * s;
    std::memcpy(head + i, &turned, sizeof(x));
    std::memcpy(second + i, &other, sizeof(y));
  }
  for (; i < half_; ++i) {
    const Real x = head[i], y = second[i], s = sign * sines[i];
    head[i] = x * cosines[i] - y * s;
    second[i] = y * cosines[i] + x * s;
  }
}

template class Rotary<float>;
template class Rotary<double>;

}  // namespace pastonly::model

#include "kernels/rotary.h"

#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/rotary.cpp"
#include "kernels/foreach_target.h"
#include "kernels/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace pastonly::kernels::HWY_NAMESPACE {
namespace {

/// One head; x c - y s and y c + x s.
template <class T>
HWY_INLINE void turn(T* first, T* second, std::size_t half, const T* cosines, const T* sines, T sign) {
  std::size_t i = 0;
#if HWY_NATIVE_FMA
  // Halves of a head are short: vectors of at most 8 fit most of them.
  const hn::CappedTag<T, 8> d;
  constexpr std::size_t step = hn::MaxLanes(hn::CappedTag<T, 8>());
  for (; i + step <= half; i += step) {
    const auto x = hn::LoadU(d, first + i), y = hn::LoadU(d, second + i), c = hn::LoadU(d, cosines + i);
    const auto s = hn::Mul(hn::LoadU(d, sines + i), hn::Set(d, sign));
    hn::StoreU(hn::NegMulAdd(y, s, hn::Mul(x, c)), d, first + i);
    hn::StoreU(hn::MulAdd(x, s, hn::Mul(y, c)), d, second + i);
  }
#endif
  for (; i < half; ++i) {
    const T x = first[i], y = second[i], s = sign * sines[i];
    first[i] = std::fma(-y, s, x * cosines[i]);
    second[i] = std::fma(x, s, y * cosines[i]);
  }
}

template <class T>
void turn_halves(T* row, std::size_t heads, std::size_t head_width, std::size_t half, const T* cosines,
                 const T* sines, bool backward) {
  const T sign = backward ? T{-1} : T{1};
  for (std::size_t head = 0; head < heads; ++head)
    turn(row + head * head_width, row + head * head_width + half, half, cosines, sines, sign);
}

}  // namespace
}  // namespace pastonly::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace pastonly::kernels {

template <class Real>
void turn_halves(Real* row, std::size_t heads, std::size_t head_width, std::size_t half, const Real* cosines,
                 const Real* sines, bool backward) {
  PASTONLY_DISPATCH(turn_halves(row, heads, head_width, half, cosines, sines, backward))
}
template void turn_halves<float>(float*, std::size_t, std::size_t, std::size_t, const float*, const float*,
                                 bool);
template void turn_halves<double>(double*, std::size_t, std::size_t, std::size_t, const double*,
                                  const double*, bool);

void turn_pairs(float* head, std::size_t half, const float* cosines, const float* sines) {
  for (std::size_t i = 0; i < half; ++i) {
    const float x = head[2 * i], y = head[2 * i + 1];
    head[2 * i] = std::fma(-y, sines[i], x * cosines[i]);
    head[2 * i + 1] = std::fma(x, sines[i], y * cosines[i]);
  }
}

}  // namespace pastonly::kernels
#endif

#include "kernels/attention_weights.h"

#include <algorithm>
#include <limits>

#include "kernels/elementary.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/attention_weights.cpp"
#include "kernels/foreach_target.h"
#include "kernels/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace pastonly::kernels::HWY_NAMESPACE {
namespace {

/// Those of columns at, at + 1, ... that come before `seen`, `rest` in the others.
template <class T>
HWY_INLINE Wide<T> before(std::size_t at, std::size_t seen, const Wide<T>& values, T rest) {
  return at + sixteen <= seen ? values : only(values, Part{seen - at}, rest);
}

/// A row of scores becomes weights; returns the log-sum.
template <class T>
HWY_INLINE T soften(T* row, std::size_t seen, std::size_t size, T scale) {
  constexpr T lowest = std::numeric_limits<T>::lowest();
  Wide<T> most = spread(lowest);
  for (std::size_t at = 0; at < seen; at += sixteen)
    most = larger(before(at, seen, load(row + at), lowest), most);
  const T top = largest(most);
  const Wide<T> shift = spread(top), by = spread(scale);
  Wide<T> total = spread(T{0});
  for (std::size_t at = 0; at < seen; at += sixteen) {
    const Wide<T> weight = before(at, seen, exponential((load(row + at) - shift) * by), T{0});
    store(row + at, weight);
    total = total + weight;
  }
  const T whole = sum(total);
  const Wide<T> inverse = spread(T{1} / whole);
  std::size_t at = 0;
  for (; at < seen; at += sixteen) store(row + at, load(row + at) * inverse);
  if (at < size) std::fill(row + at, row + size, T{0});
  return top * scale + kernels::log(whole);
}

template <class T>
void attention_weights(Block<T> scores, std::size_t first, T scale, T* log_sums, std::size_t log_stride) {
  for (std::size_t i = 0; i < scores.rows; ++i)
    log_sums[i * log_stride] = soften(scores.row(i), first + i + 1, scores.stride, scale);
}

template <class T>
void attention_weights_backward(T* scores, T* d_weights, std::size_t seen, std::size_t size, T scale,
                                T log_sum, T mean) {
  const Wide<T> shift = spread(log_sum), middle = spread(mean), by = spread(scale);
  std::size_t at = 0;
  for (; at < seen; at += sixteen) {
    const Wide<T> weight = before(at, seen, exponential(load(scores + at) * by - shift), T{0});
    store(scores + at, weight);
    store(d_weights + at, before(at, seen, weight * (load(d_weights + at) - middle) * by, T{0}));
  }
  if (at >= size) return;
  std::fill(scores + at, scores + size, T{0});
  std::fill(d_weights + at, d_weights + size, T{0});
}

}  // namespace
}  // namespace pastonly::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace pastonly::kernels {

template <class Real>
void attention_weights(Block<Real> scores, std::size_t first, Real scale, Real* log_sums,
                       std::size_t log_stride) {
  PASTONLY_DISPATCH(attention_weights(scores, first, scale, log_sums, log_stride))
}
template <class Real>
void attention_weights_backward(Real* scores, Real* d_weights, std::size_t seen, std::size_t size, Real scale,
                                Real log_sum, Real mean){
    PASTONLY_DISPATCH(attention_weights_backward(scores, d_weights, seen, size, scale, log_sum, mean))}

#define PASTONLY_ATTENTION_WEIGHTS(Real)                                                     \
  template void attention_weights<Real>(Block<Real>, std::size_t, Real, Real*, std::size_t); \
  template void attention_weights_backward<Real>(Real*, Real*, std::size_t, std::size_t, Real, Real, Real);
PASTONLY_ATTENTION_WEIGHTS(float) PASTONLY_ATTENTION_WEIGHTS(double)
#undef PASTONLY_ATTENTION_WEIGHTS

}  // namespace pastonly::kernels
#endif

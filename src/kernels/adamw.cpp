#include "kernels/adamw.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/adamw.cpp"
#include "kernels/foreach_target.h"
#include "kernels/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace pastonly::kernels::HWY_NAMESPACE {
namespace {

template <class T>
void adamw(const AdamWStep<T>& step, const T* gradient, std::size_t size, T* m, T* v, T* p) {
  const Wide<T> beta1 = spread(step.beta1), beta2 = spread(step.beta2);
  const Wide<T> share1 = spread((T{1} - step.beta1) * step.clip);
  const Wide<T> share2 = spread((T{1} - step.beta2) * step.clip * step.clip);
  const Wide<T> keep = spread(step.keep), move = spread(step.move), epsilon = spread(step.epsilon);
  for_row(size, [&](std::size_t at, auto part) HWY_ATTR {
    const Wide<T> g = load(gradient + at, part);
    const Wide<T> first = fma(beta1, load(m + at, part), share1 * g);
    const Wide<T> second = fma(beta2, load(v + at, part), share2 * (g * g));
    store(m + at, first, part);
    store(v + at, second, part);
    // Beyond the row's end this may be 0 / 0; it is not stored.
    const Wide<T> change = move * first / (square_root(second) + epsilon);
    store(p + at, fma(keep, load(p + at, part), T{0} - change), part);
  });
}

template <class T>
double square_sum(const T* row, std::size_t size) {
  Wide<double> total = spread(0.0);
  for_row(size, [&](std::size_t at, auto part) HWY_ATTR {
    alignas(64) T here[sixteen];
    store(here, load(row + at, part));
    const Wide<double> value = promote(here);
    total = fma(value, value, total);
  });
  return sum(total);
}

}  // namespace
}  // namespace pastonly::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace pastonly::kernels {

template <class Real>
void adamw(const AdamWStep<Real>& step, const Real* gradient, std::size_t size, Real* m, Real* v, Real* p) {
  PASTONLY_DISPATCH(adamw(step, gradient, size, m, v, p))
}
template <class Real>
double square_sum(const Real* row, std::size_t size) {
  PASTONLY_DISPATCH(square_sum(row, size))
}
template void adamw<float>(const AdamWStep<float>&, const float*, std::size_t, float*, float*, float*);
template void adamw<double>(const AdamWStep<double>&, const double*, std::size_t, double*, double*, double*);
template double square_sum<float>(const float*, std::size_t);
template double square_sum<double>(const double*, std::size_t);

}  // namespace pastonly::kernels
#endif

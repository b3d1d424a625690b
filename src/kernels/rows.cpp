#include "kernels/rows.h"

#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/rows.cpp"
#include "kernels/foreach_target.h"
#include "kernels/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace pastonly::kernels::HWY_NAMESPACE {
namespace {

/// out = f(elements of the rows), f taking and giving sixteen.
template <class T, class F, class... Rows>
HWY_INLINE void map(T* out, std::size_t size, F&& f, const Rows*... rows) {
  for_row(size,
          [&](std::size_t at, auto part) HWY_ATTR { store(out + at, f(load(rows + at, part)...), part); });
}

template <class T>
void scale(T* row, std::size_t size, T factor) {
  const Wide<T> by = spread(factor);
  map(
      row, size, [&](const Wide<T>& x) HWY_ATTR { return x * by; }, row);
}

template <class T>
void accumulate(T* to, const T* from, std::size_t size, T factor) {
  const Wide<T> by = spread(factor);
  map(
      to, size, [&](const Wide<T>& x, const Wide<T>& y) HWY_ATTR { return fma(by, y, x); }, to, from);
}

template <class T>
void multiply(const T* a, const T* b, std::size_t size, T* out) {
  map(
      out, size, [](const Wide<T>& x, const Wide<T>& y) HWY_ATTR { return x * y; }, a, b);
}

template <class T>
void clamp(T* row, std::size_t size, T low, T high) {
  const Wide<T> least = spread(low), most = spread(high);
  map(
      row, size, [&](const Wide<T>& x) HWY_ATTR { return smaller(most, larger(least, x)); }, row);
}

template <class T>
T inner(const T* a, const T* b, std::size_t size) {
  Wide<T> total = spread(T{0});
  for_row(size, [&](std::size_t at, auto part)
                    HWY_ATTR { total = fma(load(a + at, part), load(b + at, part), total); });
  return sum(total);
}

template <class T>
void add_rows(const T* base, const T* rows, std::span<const std::uint32_t> which, std::size_t size, T* out) {
  for_row(size, [&](std::size_t at, auto part) HWY_ATTR {
    Wide<T> value = load(base + at, part);
    for (const auto row : which) value = value + load(rows + row * size + at, part);
    store(out + at, value, part);
  });
}

template <class T>
T largest(const T* row, std::size_t size) {
  constexpr T lowest = std::numeric_limits<T>::lowest();
  Wide<T> most = spread(lowest);
  for_row(size, [&](std::size_t at, auto part)
                    HWY_ATTR { most = larger(only(load(row + at, part), part, lowest), most); });
  return largest(most);
}

template <class T>
T exponentials(const T* row, std::size_t size, T shift, T* out) {
  const Wide<T> by = spread(shift);
  Wide<T> total = spread(T{0});
  for_row(size, [&](std::size_t at, auto part) HWY_ATTR {
    const Wide<T> value = only(exponential(load(row + at, part) - by), part, T{0});
    store(out + at, value, part);
    total = total + value;
  });
  return sum(total);
}

template <class T>
T exponential_sum(const T* row, std::size_t size, T shift) {
  const Wide<T> by = spread(shift);
  Wide<T> total = spread(T{0});
  for_row(size, [&](std::size_t at, auto part)
                    HWY_ATTR { total = total + only(exponential(load(row + at, part) - by), part, T{0}); });
  return sum(total);
}

template <class T>
double exact_exponential_sum(const T* row, std::size_t size, double shift) {
  const Wide<double> by = spread(shift);
  Wide<double> total = spread(0.0);
  for_row(size, [&](std::size_t at, auto part) HWY_ATTR {
    alignas(64) T here[sixteen];
    store(here, load(row + at, part));
    total = total + only(exponential(promote(here) - by), part, 0.0);
  });
  return sum(total);
}

template <class T>
void scaled_exponentials(const T* row, std::size_t size, T shift, T factor, T* out) {
  const Wide<T> off = spread(shift), by = spread(factor);
  map(
      out, size, [&](const Wide<T>& x) HWY_ATTR { return exponential(x - off) * by; }, row);
}

template <class T>
void exponentials(const T* row, const T* shifts, std::size_t size, T* out) {
  map(
      out, size, [](const Wide<T>& x, const Wide<T>& y) HWY_ATTR { return exponential(x - y); }, row, shifts);
}

template <class T>
void softmax(const T* row, std::size_t size, T* out) {
  scale(out, size, T{1} / exponentials(row, size, largest(row, size), out));
}

template <class T>
void logistic(const T* row, std::size_t size, T* out) {
  map(
      out, size, [](const Wide<T>& x) HWY_ATTR { return logistic(x); }, row);
}

template <class T>
void softmax_backward(const T* p, const T* d_p, std::size_t size, T* d_logits) {
  const Wide<T> along = spread(inner(d_p, p, size));
  map(
      d_logits, size,
      [&](const Wide<T>& s, const Wide<T>& d, const Wide<T>& before)
          HWY_ATTR { return fma(s, d - along, before); },
      p, d_p, d_logits);
}

template <class T>
void logistic_backward(const T* p, const T* d_p, std::size_t size, T* d_logits) {
  map(
      d_logits, size,
      [](const Wide<T>& s, const Wide<T>& d, const Wide<T>& before)
          HWY_ATTR { return fma(d * s, T{1} - s, before); },
      p, d_p, d_logits);
}

}  // namespace
}  // namespace pastonly::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace pastonly::kernels {

template <class Real>
void scale(Real* row, std::size_t size, Real factor) {
  PASTONLY_DISPATCH(scale(row, size, factor))
}
template <class Real>
void accumulate(Real* to, const Real* from, std::size_t size, Real factor) {
  PASTONLY_DISPATCH(accumulate(to, from, size, factor))
}
template <class Real>
void multiply(const Real* a, const Real* b, std::size_t size, Real* out) {
  PASTONLY_DISPATCH(multiply(a, b, size, out))
}
template <class Real>
void clamp(Real* row, std::size_t size, Real low, Real high) {
  PASTONLY_DISPATCH(clamp(row, size, low, high))
}
template <class Real>
Real inner(const Real* a, const Real* b, std::size_t size) {
  PASTONLY_DISPATCH(inner(a, b, size))
}
template <class Real>
void add_rows(const Real* base, const Real* rows, std::span<const std::uint32_t> which, std::size_t size,
              Real* out) {
  PASTONLY_DISPATCH(add_rows(base, rows, which, size, out))
}
template <class Real>
Real largest(const Real* row, std::size_t size) {
  PASTONLY_DISPATCH(largest(row, size))
}
template <class Real>
Real exponentials(const Real* row, std::size_t size, Real shift, Real* out) {
  PASTONLY_DISPATCH(exponentials(row, size, shift, out))
}
template <class Real>
Real exponential_sum(const Real* row, std::size_t size, Real shift) {
  PASTONLY_DISPATCH(exponential_sum(row, size, shift))
}
template <class Real>
double exact_exponential_sum(const Real* row, std::size_t size, double shift) {
  PASTONLY_DISPATCH(exact_exponential_sum(row, size, shift))
}
template <class Real>
void scaled_exponentials(const Real* row, std::size_t size, Real shift, Real factor, Real* out) {
  PASTONLY_DISPATCH(scaled_exponentials(row, size, shift, factor, out))
}
template <class Real>
void exponentials(const Real* row, const Real* shifts, std::size_t size, Real* out) {
  PASTONLY_DISPATCH(exponentials(row, shifts, size, out))
}
template <class Real>
void softmax(const Real* row, std::size_t size, Real* out) {
  PASTONLY_DISPATCH(softmax(row, size, out))
}
template <class Real>
void logistic(const Real* row, std::size_t size, Real* out) {
  PASTONLY_DISPATCH(logistic(row, size, out))
}
template <class Real>
void softmax_backward(const Real* p, const Real* d_p, std::size_t size, Real* d_logits) {
  PASTONLY_DISPATCH(softmax_backward(p, d_p, size, d_logits))
}
template <class Real>
void logistic_backward(const Real* p, const Real* d_p, std::size_t size,
                       Real* d_logits){PASTONLY_DISPATCH(logistic_backward(p, d_p, size, d_logits))}

#define PASTONLY_ROWS(Real)                                                                           \
  template void scale<Real>(Real*, std::size_t, Real);                                                \
  template void accumulate<Real>(Real*, const Real*, std::size_t, Real);                              \
  template void multiply<Real>(const Real*, const Real*, std::size_t, Real*);                         \
  template void clamp<Real>(Real*, std::size_t, Real, Real);                                          \
  template Real inner<Real>(const Real*, const Real*, std::size_t);                                   \
  template void add_rows<Real>(const Real*, const Real*, std::span<const std::uint32_t>, std::size_t, \
                               Real*);                                                                \
  template Real largest<Real>(const Real*, std::size_t);                                              \
  template Real exponentials<Real>(const Real*, std::size_t, Real, Real*);                            \
  template Real exponential_sum<Real>(const Real*, std::size_t, Real);                                \
  template double exact_exponential_sum<Real>(const Real*, std::size_t, double);                      \
  template void scaled_exponentials<Real>(const Real*, std::size_t, Real, Real, Real*);               \
  template void exponentials<Real>(const Real*, const Real*, std::size_t, Real*);                     \
  template void softmax<Real>(const Real*, std::size_t, Real*);                                       \
  template void logistic<Real>(const Real*, std::size_t, Real*);                                      \
  template void softmax_backward<Real>(const Real*, const Real*, std::size_t, Real*);                 \
  template void logistic_backward<Real>(const Real*, const Real*, std::size_t, Real*);
PASTONLY_ROWS(float) PASTONLY_ROWS(double)
#undef PASTONLY_ROWS

}  // namespace pastonly::kernels
#endif

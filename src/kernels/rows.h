#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace pastonly::kernels {

/// Passes over one row. Sums are sixteen partial sums (element i in the one of i mod 16) added by halves, so
/// their order depends on the row's length alone; their error is at most (size / 16 + 4) / 2 ulp of the sum
/// of magnitudes. Rows may lie at any address; an output may be an input, but they must not overlap
/// otherwise.

/// row *= factor.
template <class Real>
void scale(Real* row, std::size_t size, Real factor);
/// to += factor * from, each element rounded once.
template <class Real>
void accumulate(Real* to, const Real* from, std::size_t size, Real factor = Real{1});
/// out = a * b, element by element.
template <class Real>
void multiply(const Real* a, const Real* b, std::size_t size, Real* out);
/// row = low where it is below, high where it is above; NaN stays.
template <class Real>
void clamp(Real* row, std::size_t size, Real low, Real high);
/// The sum of a[i] b[i], a chain of fused multiply-adds in each partial sum.
template <class Real>
Real inner(const Real* a, const Real* b, std::size_t size);
/// out = base + the rows `which` of `rows`, `size` numbers each, in their order.
template <class Real>
void add_rows(const Real* base, const Real* rows, std::span<const std::uint32_t> which, std::size_t size,
              Real* out);

/// The largest element; the lowest number where the row is empty. NaN is passed over.
template <class Real>
Real largest(const Real* row, std::size_t size);
/// out = e^(x - shift) to about 2 ulp; their sum is returned.
template <class Real>
Real exponentials(const Real* row, std::size_t size, Real shift, Real* out);
/// The sum alone.
template <class Real>
Real exponential_sum(const Real* row, std::size_t size, Real shift);
/// The sum in double, each exponential to 1 ulp of a double: what is as good as exact for float.
template <class Real>
double exact_exponential_sum(const Real* row, std::size_t size, double shift);
/// out = e^(x - shift) * factor.
template <class Real>
void scaled_exponentials(const Real* row, std::size_t size, Real shift, Real factor, Real* out);
/// out = e^(x - shift), a shift for every element.
template <class Real>
void exponentials(const Real* row, const Real* shifts, std::size_t size, Real* out);
/// out = e^x / sum e^x.
template <class Real>
void softmax(const Real* row, std::size_t size, Real* out);
/// out = 1 / (1 + e^-x).
template <class Real>
void logistic(const Real* row, std::size_t size, Real* out);

/// Of a softmax: d_logits += p (d_p - sum p d_p). Of a logistic: d_logits += d_p p (1 - p).
template <class Real>
void softmax_backward(const Real* p, const Real* d_p, std::size_t size, Real* d_logits);
template <class Real>
void logistic_backward(const Real* p, const Real* d_p, std::size_t size, Real* d_logits);

}  // namespace pastonly::kernels

#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

namespace pastonly::model {

/// Vectors for element-wise passes, whatever the compiler's options. Every element passes the same
/// instructions wherever it stands, aligned or not, in the middle of a row or at its end; a sum's order
/// hangs on the row's length alone. So a token's results do not move in the last bit with its place.
template <class Real>
struct Lanes {
#ifdef __AVX512F__
  static constexpr std::size_t bytes = 64;
#else
  static constexpr std::size_t bytes = 32;
#endif
  typedef Real Vector __attribute__((vector_size(bytes)));
  static constexpr std::size_t count = bytes / sizeof(Real);
};
template <class Real>
using Vector = typename Lanes<Real>::Vector;

/// How many of a vector's lanes stand for elements: all of them, or the first few of a row's end.
struct Whole {};
struct Part {
  std::size_t count;
};

template <class Real>
Vector<Real> spread(Real value) {
  return value - Vector<Real>{};
}
template <class Real>
Vector<Real> load(const Real* from, Whole = {}) {
  Vector<Real> vector;
  std::memcpy(&vector, from, sizeof(vector));
  return vector;
}
/// Lanes beyond the row's end hold 0. Out of line, as its counterpart: most rows have no such end, and their
/// loops stay small.
template <class Real>
[[gnu::noinline]] Vector<Real> load(const Real* from, Part part) {
  Vector<Real> vector{};
  for (std::size_t i = 0; i < part.count; ++i) vector[i] = from[i];
  return vector;
}
template <class Real>
void store(Real* to, Vector<Real> vector, Whole = {}) {
  std::memcpy(to, &vector, sizeof(vector));
}
template <class Real>
[[gnu::noinline]] void store(Real* to, Vector<Real> vector, Part part) {
  for (std::size_t i = 0; i < part.count; ++i) to[i] = vector[i];
}

/// body(offset, Whole{}) for every full vector of a row, body(offset, Part{rest}) for what is left.
template <class Real, class Body>
[[gnu::always_inline]] inline void for_lanes(std::size_t size, Body&& body) {
  constexpr std::size_t count = Lanes<Real>::count;
  std::size_t at = 0;
  for (; at + count <= size; at += count) body(at, Whole{});
  if (at < size) body(at, Part{size - at});
}

/// Sum of the lanes, by halves.
template <class Real, std::size_t Count = Lanes<Real>::count, class V>
Real sum(V vector) {
  if constexpr (Count == 2) {
    return vector[0] + vector[1];
  } else {
    typedef Real Half __attribute__((vector_size(Count / 2 * sizeof(Real))));
    Half halves[2];
    std::memcpy(halves, &vector, sizeof(vector));
    return sum<Real, Count / 2>(Half(halves[0] + halves[1]));
  }
}
/// Lanes beyond the row's end replaced by `rest`.
template <class Real>
Vector<Real> only(Vector<Real> vector, Whole, Real) {
  return vector;
}
template <class Real>
Vector<Real> only(Vector<Real> vector, Part part, Real rest) {
  alignas(64) static constexpr Real places[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  return load(places) < spread(static_cast<Real>(part.count)) ? vector : spread(rest);
}
template <class Real>
Real largest(Vector<Real> vector) {
  Real most = vector[0];
  for (std::size_t i = 1; i < Lanes<Real>::count; ++i) most = vector[i] > most ? vector[i] : most;
  return most;
}

/// e^x in double, lane by lane.
inline Vector<double> exponential(Vector<double> x) {
  for (std::size_t i = 0; i < Lanes<double>::count; ++i) x[i] = std::exp(x[i]);
  return x;
}
/// e^x to about 2 units in the last place (S. Moshier, Cephes, expf); arguments beyond ±87 count as ±87, NaN
/// stays.
inline Vector<float> exponential(Vector<float> x) {
  using V = Vector<float>;
  typedef std::uint32_t Integers __attribute__((vector_size(Lanes<float>::bytes)));
  const V low = spread(-87.0F), high = spread(87.0F);
  V clipped = x < low ? low : x;
  clipped = clipped > high ? high : clipped;
  // Adding 1.5 * 2^23 rounds to a whole number and leaves it in the low bits.
  const V shifted = clipped * 1.44269504088896341F + 12582912.0F;
  const V n = shifted - 12582912.0F;
  const V r = (clipped - n * 0.693359375F) - n * -2.12194440e-4F;
  V p = r * 1.9875691500e-4F + 1.3981999507e-3F;
  p = p * r + 8.3334519073e-3F;
  p = p * r + 4.1665795894e-2F;
  p = p * r + 1.6666665459e-1F;
  p = p * r + 5.0000001201e-1F;
  p = p * (r * r) + r + 1.0F;
  Integers bits, exponent;
  std::memcpy(&bits, &p, sizeof(p));
  std::memcpy(&exponent, &shifted, sizeof(shifted));
  bits += exponent << 23;
  V result;
  std::memcpy(&result, &bits, sizeof(bits));
  return x == x ? result : x;  // NOLINT(misc-redundant-expression): false where x is NaN
}
/// 1 / (1 + e^-x).
template <class Real>
Vector<Real> logistic(Vector<Real> x) {
  return Real{1} / (Real{1} + exponential(-x));
}

/// The largest element of a row; the lowest number where it is empty.
template <class Real>
Real largest(const Real* row, std::size_t size) {
  constexpr Real lowest = std::numeric_limits<Real>::lowest();
  Vector<Real> most = spread(lowest);
  for_lanes<Real>(size, [&](std::size_t at, auto lanes) {
    const Vector<Real> here = only<Real>(load(row + at, lanes), lanes, lowest);
    most = here > most ? here : most;
  });
  return largest<Real>(most);
}
/// The sum of e^(x - shift) over a row.
template <class Real>
Real exponential_sum(const Real* row, std::size_t size, Real shift) {
  Vector<Real> total{};
  for_lanes<Real>(size, [&](std::size_t at, auto lanes) {
    total += only<Real>(exponential(load(row + at, lanes) - shift), lanes, Real{0});
  });
  return sum<Real>(total);
}
/// out = e^(x - shift), its sum returned. `out` may be the row.
template <class Real>
Real exponentials(const Real* row, std::size_t size, Real shift, Real* out) {
  Vector<Real> total{};
  for_lanes<Real>(size, [&](std::size_t at, auto lanes) {
    const Vector<Real> value = only<Real>(exponential(load(row + at, lanes) - shift), lanes, Real{0});
    store(out + at, value, lanes);
    total += value;
  });
  return sum<Real>(total);
}
/// row *= factor.
template <class Real>
void scale(Real* row, std::size_t size, Real factor) {
  for_lanes<Real>(
      size, [&](std::size_t at, auto lanes) { store(row + at, load(row + at, lanes) * factor, lanes); });
}
/// to += factor * from.
template <class Real>
void accumulate(Real* to, const Real* from, std::size_t size, Real factor = Real{1}) {
  for_lanes<Real>(size, [&](std::size_t at, auto lanes) {
    store(to + at, load(to + at, lanes) + factor * load(from + at, lanes), lanes);
  });
}
/// The sum of a[i] b[i].
template <class Real>
Real inner(const Real* a, const Real* b, std::size_t size) {
  Vector<Real> total{};
  for_lanes<Real>(size,
                  [&](std::size_t at, auto lanes) { total += load(a + at, lanes) * load(b + at, lanes); });
  return sum<Real>(total);
}

}  // namespace pastonly::model

// Sixteen numbers at a time, whatever the width of the machine's vectors. Included once per target, after
// kernels/foreach_target.h.
//
// Every element passes the same operations wherever it stands, in the middle of a row or at its end; a sum
// over a row is sixteen partial sums, element i in the one of i mod 16, which are added by halves (i and i +
// 8, then i and i + 4, ...). Nothing else decides a result: not the target, not the compiler, not the
// address.

#if defined(PASTONLY_KERNELS_VECTORS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef PASTONLY_KERNELS_VECTORS_INL_H
#undef PASTONLY_KERNELS_VECTORS_INL_H
#else
#define PASTONLY_KERNELS_VECTORS_INL_H
#endif

#include <hwy/highway.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

HWY_BEFORE_NAMESPACE();
namespace pastonly::kernels::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

constexpr std::size_t sixteen = 16;

/// The machine's vectors, of at most sixteen numbers.
template <class T>
using Tag = hn::CappedTag<T, sixteen>;
template <class T>
using Vec = hn::Vec<Tag<T>>;
template <class T>
constexpr std::size_t lanes = hn::MaxLanes(Tag<T>());

// a * b + c and c - a * b, rounded once.
template <class T>
HWY_INLINE Vec<T> fma(Vec<T> a, Vec<T> b, Vec<T> c) {
#if HWY_NATIVE_FMA
  return hn::MulAdd(a, b, c);
#else
  return hn::Set(Tag<T>(), std::fma(hn::GetLane(a), hn::GetLane(b), hn::GetLane(c)));
#endif
}
template <class T>
HWY_INLINE Vec<T> fnma(Vec<T> a, Vec<T> b, Vec<T> c) {
#if HWY_NATIVE_FMA
  return hn::NegMulAdd(a, b, c);
#else
  return hn::Set(Tag<T>(), std::fma(-hn::GetLane(a), hn::GetLane(b), hn::GetLane(c)));
#endif
}

/// Sixteen numbers.
template <class T>
struct Wide {
  static constexpr std::size_t count = sixteen / lanes<T>;
  // Written out: one that g++ adds is not compiled for the target, and cannot take in those of its parts.
  HWY_INLINE Wide() {}
  Vec<T> part[count];
};

/// f(vectors...) for each of the machine's vectors that the arguments consist of.
template <class T, class F, class... W>
HWY_INLINE Wide<T> each(F&& f, const W&... wide) {
  Wide<T> out;
  for (std::size_t i = 0; i < Wide<T>::count; ++i) out.part[i] = f(wide.part[i]...);
  return out;
}

template <class T>
HWY_INLINE Wide<T> spread(T value) {
  Wide<T> out;
  for (std::size_t i = 0; i < Wide<T>::count; ++i) out.part[i] = hn::Set(Tag<T>(), value);
  return out;
}
template <class T>
HWY_INLINE Wide<T> operator+(const Wide<T>& a, const Wide<T>& b) {
  return each<T>([](Vec<T> x, Vec<T> y) HWY_ATTR { return hn::Add(x, y); }, a, b);
}
template <class T>
HWY_INLINE Wide<T> operator-(const Wide<T>& a, const Wide<T>& b) {
  return each<T>([](Vec<T> x, Vec<T> y) HWY_ATTR { return hn::Sub(x, y); }, a, b);
}
template <class T>
HWY_INLINE Wide<T> operator*(const Wide<T>& a, const Wide<T>& b) {
  return each<T>([](Vec<T> x, Vec<T> y) HWY_ATTR { return hn::Mul(x, y); }, a, b);
}
template <class T>
HWY_INLINE Wide<T> operator/(const Wide<T>& a, const Wide<T>& b) {
  return each<T>([](Vec<T> x, Vec<T> y) HWY_ATTR { return hn::Div(x, y); }, a, b);
}
template <class T>
HWY_INLINE Wide<T> operator*(const Wide<T>& a, T b) {
  return a * spread(b);
}
template <class T>
HWY_INLINE Wide<T> operator+(const Wide<T>& a, T b) {
  return a + spread(b);
}
template <class T>
HWY_INLINE Wide<T> operator-(const Wide<T>& a, T b) {
  return a - spread(b);
}
template <class T>
HWY_INLINE Wide<T> operator-(T a, const Wide<T>& b) {
  return spread(a) - b;
}
/// a * b + c, rounded once.
template <class T>
HWY_INLINE Wide<T> fma(const Wide<T>& a, const Wide<T>& b, const Wide<T>& c) {
  return each<T>([](Vec<T> x, Vec<T> y, Vec<T> z) HWY_ATTR { return fma<T>(x, y, z); }, a, b, c);
}
/// c - a * b, rounded once.
template <class T>
HWY_INLINE Wide<T> fnma(const Wide<T>& a, const Wide<T>& b, const Wide<T>& c) {
  return each<T>([](Vec<T> x, Vec<T> y, Vec<T> z) HWY_ATTR { return fnma<T>(x, y, z); }, a, b, c);
}
template <class T>
HWY_INLINE Wide<T> square_root(const Wide<T>& a) {
  return each<T>([](Vec<T> x) HWY_ATTR { return hn::Sqrt(x); }, a);
}
/// a > b ? a : b, so b where one is no number. Not Highway's Max: targets differ in what it makes of NaN.
template <class T>
HWY_INLINE Wide<T> larger(const Wide<T>& a, const Wide<T>& b) {
  return each<T>([](Vec<T> x, Vec<T> y) HWY_ATTR { return hn::IfThenElse(hn::Gt(x, y), x, y); }, a, b);
}
template <class T>
HWY_INLINE Wide<T> smaller(const Wide<T>& a, const Wide<T>& b) {
  return each<T>([](Vec<T> x, Vec<T> y) HWY_ATTR { return hn::IfThenElse(hn::Lt(x, y), x, y); }, a, b);
}

/// Sixteen numbers as doubles.
HWY_INLINE Wide<double> promote(const double* from) {
  Wide<double> out;
  for (std::size_t i = 0; i < Wide<double>::count; ++i)
    out.part[i] = hn::LoadU(Tag<double>(), from + i * lanes<double>);
  return out;
}
HWY_INLINE Wide<double> promote(const float* from) {
  const hn::Rebind<float, Tag<double>> narrow;
  Wide<double> out;
  for (std::size_t i = 0; i < Wide<double>::count; ++i)
    out.part[i] = hn::PromoteTo(Tag<double>(), hn::LoadU(narrow, from + i * lanes<double>));
  return out;
}

/// How many of the sixteen stand for elements: all, or the first few at a row's end.
struct Whole {};
struct Part {
  std::size_t count;
};

template <class T>
HWY_INLINE Wide<T> load(const T* from, Whole = {}) {
  Wide<T> out;
  for (std::size_t i = 0; i < Wide<T>::count; ++i) out.part[i] = hn::LoadU(Tag<T>(), from + i * lanes<T>);
  return out;
}
template <class T>
HWY_INLINE void store(T* to, const Wide<T>& wide, Whole = {}) {
  for (std::size_t i = 0; i < Wide<T>::count; ++i) hn::StoreU(wide.part[i], Tag<T>(), to + i * lanes<T>);
}
/// What lies beyond a row's end counts as 0 and is not touched.
#if HWY_MEM_OPS_MIGHT_FAULT
// Out of line: most rows have no such end, and their loops stay small.
template <class T>
HWY_NOINLINE void copy_part(const T* from, std::size_t count, T* to) {
  for (std::size_t i = 0; i < count; ++i) to[i] = from[i];
}
template <class T>
HWY_INLINE Wide<T> load(const T* from, Part part) {
  alignas(64) T row[sixteen] = {};
  copy_part(from, part.count, row);
  return load(row);
}
template <class T>
HWY_INLINE void store(T* to, const Wide<T>& wide, Part part) {
  alignas(64) T row[sixteen];
  store(row, wide);
  copy_part(row, part.count, to);
}
#else
template <class T>
HWY_INLINE std::size_t part_of(Part part, std::size_t i) {
  return part.count > i * lanes<T> ? part.count - i * lanes<T> : 0;
}
template <class T>
HWY_INLINE Wide<T> load(const T* from, Part part) {
  Wide<T> out;
  for (std::size_t i = 0; i < Wide<T>::count; ++i)
    out.part[i] = hn::MaskedLoad(hn::FirstN(Tag<T>(), part_of<T>(part, i)), Tag<T>(), from + i * lanes<T>);
  return out;
}
template <class T>
HWY_INLINE void store(T* to, const Wide<T>& wide, Part part) {
  for (std::size_t i = 0; i < Wide<T>::count; ++i)
    hn::BlendedStore(wide.part[i], hn::FirstN(Tag<T>(), part_of<T>(part, i)), Tag<T>(), to + i * lanes<T>);
}
#endif

/// Lanes beyond the row's end replaced by `rest`.
template <class T>
HWY_INLINE Wide<T> only(const Wide<T>& wide, Whole, T) {
  return wide;
}
template <class T>
HWY_INLINE Wide<T> only(const Wide<T>& wide, Part part, T rest) {
  alignas(64) static constexpr T places[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  const auto end = hn::Set(Tag<T>(), static_cast<T>(part.count)), other = hn::Set(Tag<T>(), rest);
  return each<T>([&](Vec<T> x, Vec<T> place)
                     HWY_ATTR { return hn::IfThenElse(hn::Lt(place, end), x, other); },
                 wide, load(places));
}

/// body(offset, Whole{}) for every sixteen of a row, body(offset, Part{rest}) for what is left.
template <class Body>
HWY_INLINE void for_row(std::size_t size, Body&& body) {
  std::size_t at = 0;
  for (; at + sixteen <= size; at += sixteen) body(at, Whole{});
  if (at < size) body(at, Part{size - at});
}

/// The sixteen added by halves.
template <class T>
HWY_INLINE T sum(const Wide<T>& wide) {
  Wide<T> halves = wide;
  for (std::size_t half = Wide<T>::count / 2; half > 0; half /= 2) {
    for (std::size_t i = 0; i < half; ++i) halves.part[i] = hn::Add(halves.part[i], halves.part[i + half]);
  }
  alignas(64) T row[lanes<T>];
  hn::Store(halves.part[0], Tag<T>(), row);
  for (std::size_t half = lanes<T> / 2; half > 0; half /= 2) {
    for (std::size_t i = 0; i < half; ++i) row[i] += row[i + half];
  }
  return row[0];
}
template <class T>
HWY_INLINE T largest(const Wide<T>& wide) {
  alignas(64) T row[sixteen];
  store(row, wide);
  T most = row[0];
  for (std::size_t i = 1; i < sixteen; ++i) most = row[i] > most ? row[i] : most;
  return most;
}

/// e^x to about 2 units in the last place (S. Moshier, Cephes, expf); arguments beyond ±87 count as ±87, NaN
/// stays.
HWY_INLINE Vec<float> exponential(Vec<float> x) {
  const Tag<float> d;
  const hn::RebindToSigned<Tag<float>> di;
  const auto set = [&](float value) HWY_ATTR { return hn::Set(d, value); };
  const auto low = set(-87.0F), high = set(87.0F), magic = set(12582912.0F);
  auto clipped = hn::IfThenElse(hn::Lt(x, low), low, x);
  clipped = hn::IfThenElse(hn::Gt(clipped, high), high, clipped);
  // Adding 1.5 * 2^23 rounds to a whole number and leaves it in the low bits.
  const auto shifted = fma<float>(clipped, set(1.44269504088896341F), magic);
  const auto n = hn::Sub(shifted, magic);
  const auto r = fnma<float>(n, set(-2.12194440e-4F), fnma<float>(n, set(0.693359375F), clipped));
  auto p = fma<float>(r, set(1.9875691500e-4F), set(1.3981999507e-3F));
  p = fma<float>(p, r, set(8.3334519073e-3F));
  p = fma<float>(p, r, set(4.1665795894e-2F));
  p = fma<float>(p, r, set(1.6666665459e-1F));
  p = fma<float>(p, r, set(5.0000001201e-1F));
  p = fma<float>(p, hn::Mul(r, r), hn::Add(r, set(1.0F)));
  const auto result =
      hn::BitCast(d, hn::Add(hn::BitCast(di, p), hn::ShiftLeft<23>(hn::BitCast(di, shifted))));
  return hn::IfThenElse(hn::Eq(x, x), result, x);
}
/// e^x as kernels::exp computes it, to the same bits.
HWY_INLINE Vec<double> exponential(Vec<double> x) {
  const Tag<double> d;
  const hn::RebindToSigned<Tag<double>> di;
  const auto set = [&](double value) HWY_ATTR { return hn::Set(d, value); };
  const auto low = set(-750.0), high = set(710.0), magic = set(6755399441055744.0);
  auto clipped = hn::IfThenElse(hn::Lt(x, low), low, x);
  clipped = hn::IfThenElse(hn::Gt(clipped, high), high, clipped);
  const auto shifted = hn::Add(hn::Mul(clipped, set(1.4426950408889634)), magic);
  const auto n = hn::Sub(shifted, magic);
  const auto r =
      hn::Sub(hn::Sub(clipped, hn::Mul(n, set(0x1.62e42feep-1))), hn::Mul(n, set(0x1.a39ef35793c76p-33)));
  auto p = set(1.0 / 6227020800.0);
  for (const double inverse :
       {1.0 / 479001600.0, 1.0 / 39916800.0, 1.0 / 3628800.0, 1.0 / 362880.0, 1.0 / 40320.0, 1.0 / 5040.0,
        1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 1.0 / 2.0})
    p = hn::Add(hn::Mul(p, r), set(inverse));
  p = hn::Add(hn::Add(hn::Mul(p, hn::Mul(r, r)), r), set(1.0));
  // 2^n in two steps, so that results below the smallest normal number round once.
  const auto halved = hn::Add(hn::Mul(n, set(0.5)), magic);
  const auto first = hn::Sub(hn::BitCast(di, halved), hn::BitCast(di, magic));
  const auto second = hn::Sub(hn::Sub(hn::BitCast(di, shifted), hn::BitCast(di, magic)), first);
  const auto bias = hn::Set(di, 1023);
  const auto power = [&](hn::Vec<hn::RebindToSigned<Tag<double>>> e)
                         HWY_ATTR { return hn::BitCast(d, hn::ShiftLeft<52>(hn::Add(e, bias))); };
  const auto result = hn::Mul(hn::Mul(p, power(first)), power(second));
  return hn::IfThenElse(hn::Eq(x, x), result, x);
}
template <class T>
HWY_INLINE Wide<T> exponential(const Wide<T>& x) {
  return each<T>([](Vec<T> v) HWY_ATTR { return exponential(v); }, x);
}
/// 1 / (1 + e^-x).
template <class T>
HWY_INLINE Wide<T> logistic(const Wide<T>& x) {
  return spread(T{1}) / (exponential(T{0} - x) + T{1});
}

}  // namespace
}  // namespace pastonly::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif

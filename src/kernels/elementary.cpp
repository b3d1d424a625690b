#include "kernels/elementary.h"

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numbers>

namespace pastonly::kernels {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// Added and taken off again, rounds to a whole number and leaves that in the low bits between.
constexpr double magic = 6755399441055744.0;  // 1.5 * 2^52

/// ln 2 as a number of 32 bits, whose products with exponents are exact, and the rest.
constexpr double ln2_high = 0x1.62e42feep-1, ln2_low = 0x1.a39ef35793c76p-33;

struct Rounded {
  double value;
  std::int64_t integer;
};
Rounded round(double x) noexcept {
  const double shifted = x + magic;
  return {shifted - magic, std::bit_cast<std::int64_t>(shifted) - std::bit_cast<std::int64_t>(magic)};
}

double power_of_two(std::int64_t exponent) noexcept { return std::bit_cast<double>((exponent + 1023) << 52); }

/// sum of terms[i] x^i.
template <std::size_t Size>
double polynomial(const double (&terms)[Size], double x) noexcept {
  double sum = terms[Size - 1];
  for (std::size_t i = Size - 1; i-- > 0;) sum = sum * x + terms[i];
  return sum;
}

/// e^r 2^n for |r| <= ln 2 / 2, by the series.
double exponential(double r, const Rounded& n) noexcept {
  constexpr double terms[] = {1.0 / 2.0,      1.0 / 6.0,       1.0 / 24.0,       1.0 / 120.0,
                              1.0 / 720.0,    1.0 / 5040.0,    1.0 / 40320.0,    1.0 / 362880.0,
                              1.0 / 3628800., 1.0 / 39916800., 1.0 / 479001600., 1.0 / 6227020800.};
  const double whole = (polynomial(terms, r) * (r * r) + r) + 1.0;
  // In two steps, so that results below the smallest normal number round once.
  const std::int64_t first = round(n.value * 0.5).integer;
  return whole * power_of_two(first) * power_of_two(n.integer - first);
}

/// The same in two sums at once, of even and of odd powers: their steps need not wait for one another.
template <std::size_t Size>
double paired_polynomial(const double (&terms)[Size], double x) noexcept {
  const double square = x * x;
  double last = terms[Size - 1], other = terms[Size - 2];
  for (std::size_t i = Size - 2; i-- > 0;) {
    const double next = last * square + terms[i];
    last = other;
    other = next;
  }
  return other + last * x;
}

/// x = 2^exponent (1 + fraction), 1 + fraction between 1/sqrt 2 and sqrt 2.
struct Parts {
  double exponent;
  double fraction;
};
/// Requires x finite and above 0.
Parts parts_of(double x) noexcept {
  constexpr std::int64_t sqrt_half = 0x3fe6a09e667f3bcd;  // the bits of 1/sqrt 2
  const bool subnormal = x < 0x1p-1022;
  const auto bits = std::bit_cast<std::int64_t>(subnormal ? x * 0x1p54 : x);
  const std::int64_t exponent = (bits - sqrt_half) >> 52;
  return {static_cast<double>(subnormal ? exponent - 54 : exponent),
          std::bit_cast<double>(bits - exponent * (std::int64_t{1} << 52)) - 1.0};
}
/// What ln(1 + f) is below f: with s = f / (2 + f), ln(1 + f) = 2 artanh s = f - (h - s (h + R)), h = f^2 / 2
/// and R = 2 artanh(s) / s - 2. R / s^2 in s^2 by the minimax polynomial, which errs by 2^-59 of the result.
double below(double f) noexcept {
  constexpr double terms[] = {0x1.5555555555592p-1, 0x1.999999997fd7bp-2, 0x1.24924941f4d65p-2,
                              0x1.c71c52061d90fp-3, 0x1.74663f9ef84d3p-3, 0x1.39a1a7315a795p-3,
                              0x1.2f0632f65561fp-3};
  const double s = f / (2.0 + f), z = s * s, half = 0.5 * f * f;
  return half - s * (half + z * paired_polynomial(terms, z));
}
/// The logarithm where x is no positive number.
double logarithm_beyond(double x) noexcept { return x == 0.0 ? -infinity : x > 0.0 ? x : nan; }
bool is_positive(double x) noexcept { return x > 0.0 && x < infinity; }

/// x = quarters pi / 2 + rest, |rest| <= pi / 4.
struct Turned {
  double rest;
  std::int64_t quarters;
};
Turned turn(double x) noexcept {
  const Rounded n = round(x * (2.0 / std::numbers::pi));
  // pi / 2 in three numbers of 25 bits, whose products with n < 2^28 are exact, and the rest.
  const double near = (x - n.value * 0x1.921fb5p+0) - n.value * 0x1.110b46p-26;
  return {(near - n.value * 0x1.1a6263p-54) - n.value * 0x1.8a2e03707344ap-81, n.integer};
}
/// Both for |x| <= pi / 4, by their series.
double sine(double x) noexcept {
  constexpr double terms[] = {
      -1.0 / 6.0,        1.0 / 120.0,        -1.0 / 5040.0,         1.0 / 362880.0,
      -1.0 / 39916800.0, 1.0 / 6227020800.0, -1.0 / 1307674368000., 1.0 / 355687428096000.};
  const double z = x * x;
  return x + x * (z * polynomial(terms, z));
}
double cosine(double x) noexcept {
  constexpr double terms[] = {
      1.0 / 24.0,        -1.0 / 720.0,         1.0 / 40320.0,         -1.0 / 3628800.0,
      1.0 / 479001600.0, -1.0 / 87178291200.0, 1.0 / 20922789888000.0};
  const double z = x * x, half = 0.5 * z, whole = 1.0 - half;
  // What rounding took from 1 - z / 2 comes back with the rest.
  return whole + (((1.0 - whole) - half) + z * z * polynomial(terms, z));
}
double quarter_turned(const Turned& turned, std::int64_t more) noexcept {
  const std::int64_t quarter = (turned.quarters + more) & 3;
  const double value = quarter % 2 == 0 ? sine(turned.rest) : cosine(turned.rest);
  return quarter < 2 ? value : -value;
}

}  // namespace

double exp(double x) noexcept {
  if (std::isnan(x)) return x;
  const double clipped = x < -750.0 ? -750.0 : x > 710.0 ? 710.0 : x;
  const Rounded n = round(clipped * std::numbers::log2e);
  return exponential((clipped - n.value * ln2_high) - n.value * ln2_low, n);
}

double exp2(double x) noexcept {
  if (std::isnan(x)) return x;
  const double clipped = x < -1080.0 ? -1080.0 : x > 1025.0 ? 1025.0 : x;
  const Rounded n = round(clipped);
  return exponential((clipped - n.value) * std::numbers::ln2, n);
}

double log(double x) noexcept {
  if (!is_positive(x)) return logarithm_beyond(x);
  const auto [k, f] = parts_of(x);
  return k * ln2_high - ((below(f) - k * ln2_low) - f);
}

float exp(float x) noexcept {
  // (e^r - 1 - r) / r^2 by the minimax polynomial, which errs by 5e-11 of e^r.
  constexpr double terms[] = {0x1.00000042eb76fp-1, 0x1.55555597f804ep-3,  0x1.55548057304f7p-5,
                              0x1.11107cfaa4ff6p-7, 0x1.6d96842217cecp-10, 0x1.a1b7f6f50f299p-13};
  if (std::isnan(x)) return x;
  const double wide = x, clipped = wide < -110.0 ? -110.0 : wide > 90.0 ? 90.0 : wide;
  const Rounded n = round(clipped * std::numbers::log2e);
  const double r = clipped - n.value * std::numbers::ln2;
  const double whole = (paired_polynomial(terms, r) * (r * r) + r) + 1.0;
  return static_cast<float>(whole * power_of_two(n.integer));
}

float log(float x) noexcept {
  // As below(); the polynomial errs by 5e-12 of the result.
  constexpr double terms[] = {0x1.555554fd933c0p-1, 0x1.999a7a9cfff31p-2, 0x1.2438d2cad8db7p-2,
                              0x1.e2f72458e02c1p-3};
  if (!is_positive(x)) return static_cast<float>(logarithm_beyond(x));
  const auto [k, f] = parts_of(x);
  const double s = f / (2.0 + f), z = s * s;
  return static_cast<float>(k * std::numbers::ln2 + s * (2.0 + z * paired_polynomial(terms, z)));
}

double log1p(double x) noexcept {
  const double whole = 1.0 + x;
  if (whole == 1.0) return x;
  if (!is_positive(whole)) return logarithm_beyond(whole);
  return log(whole) + (x - (whole - 1.0)) / whole;
}

double log2(double x) noexcept {
  if (!is_positive(x)) return logarithm_beyond(x);
  const auto [k, f] = parts_of(x);
  return k + (f - below(f)) * std::numbers::log2e;
}

double sin(double x) noexcept { return std::isfinite(x) ? quarter_turned(turn(x), 0) : nan; }
double cos(double x) noexcept { return std::isfinite(x) ? quarter_turned(turn(x), 1) : nan; }

double pow(double x, double y) noexcept {
  if (y == 0.0 || x == 1.0) return 1.0;
  if (x == 0.0) return y > 0.0 ? 0.0 : y < 0.0 ? infinity : y;
  return exp2(y * log2(x));
}

}  // namespace pastonly::kernels

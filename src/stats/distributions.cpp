#include "stats/distributions.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numbers>

#include "kernels/elementary.h"

namespace pastonly::stats {
namespace {

constexpr double two_pi = 2.0 * std::numbers::pi;
constexpr double infinity = std::numeric_limits<double>::infinity();

/// delta(x) of Gamma(x) = sqrt(2 pi / x) (x / e)^x e^delta(x): Stirling's series from 12 on, and below
/// delta(x) = delta(x + 1) + (x + 1/2) ln(1 + 1/x) - 1.
double stirling_rest(double x) noexcept {
  double shifted = 0.0;
  for (; x < 12.0; x += 1.0) shifted += (x + 0.5) * kernels::log1p(1.0 / x) - 1.0;
  const double z = 1.0 / (x * x);
  double series = -691.0 / 360360.0;
  for (const double term : {1.0 / 1188.0, -1.0 / 1680.0, 1.0 / 1260.0, -1.0 / 360.0, 1.0 / 12.0})
    series = series * z + term;
  return shifted + series / x;
}

/// u - ln(1 + u) where 1 + u = ratio: near 0 by 2 artanh(s) = ln(1 + u), s = u / (2 + u), whose first term
/// leaves u - 2 s = u s.
double log_deficit(double u, double ratio) noexcept {
  if (!(std::abs(u) < 0.3)) return u - kernels::log(ratio);
  const double s = u / (2.0 + u), z = s * s;
  double series = 0.0;
  for (int i = 23; i >= 3; i -= 2) series = series * z + 2.0 / i;
  return s * (u - z * series);
}

/// A beta distribution at the odds x / y, y = 1 - x.
struct Beta {
  double a, b;
  double x, y;

  Beta flipped() const noexcept { return {b, a, y, x}; }
  /// Below about the mean: there the fraction converges.
  bool is_low() const noexcept { return x * (b + 1.0) <= (a + 1.0) * y; }
};

/// ln of x^a y^b / B(a, b), with what (x / x0)^a (y / y0)^b has in common taken out, x0 = a / (a + b).
double log_power(const Beta& at) noexcept {
  const auto& [a, b, x, y] = at;
  const double sum = a + b, away = b * x - a * y;
  const double deficit = a * log_deficit(away / a, x * (sum / a)) + b * log_deficit(-away / b, y * (sum / b));
  const double rest = stirling_rest(sum) - (stirling_rest(a) + stirling_rest(b));
  return 0.5 * kernels::log(a / sum * b / two_pi) + (rest - deficit);
}

/// The fraction that x^a y^b / B(a, b) is divided by for P(X <= x), by Lentz's method.
double beta_fraction(const Beta& at) noexcept {
  const auto& [a, b, x, y] = at;
  const double lead = a * y - b * x + 1.0;
  double value = a * lead / (a + 1.0), above = value, below = 0.0, change = 0.0;
  for (double n = 1.0; std::abs(change - 1.0) > 0x1p-52; n += 1.0) {
    const double odd = a + 2.0 * n - 1.0;
    const double numerator = (a + n - 1.0) / odd * ((a + b + n - 1.0) / odd) * (n * x) * ((b - n) * x);
    const double next = n + n * (b - n) * x / odd + (a + n) * (lead + n * (1.0 + y)) / (odd + 2.0);
    below = 1.0 / (next + numerator * below);
    above = next + numerator / above;
    change = above * below;
    value *= change;
  }
  return value;
}

/// ln P(X <= x), and its derivative by ln(x / y).
struct LogCdf {
  double value;
  double slope;
};
LogCdf log_beta_cdf(const Beta& at) noexcept {
  if (at.is_low()) {
    const double fraction = beta_fraction(at);
    return {log_power(at) - kernels::log(fraction), fraction};
  }
  const double power = log_power(at);
  const double cdf = 1.0 - kernels::exp(power) / beta_fraction(at.flipped());
  return {kernels::log(cdf), kernels::exp(power) / cdf};
}

Beta beta_at(double a, double b, double log_odds) noexcept {
  return {a, b, 1.0 / (1.0 + kernels::exp(-log_odds)), 1.0 / (1.0 + kernels::exp(log_odds))};
}

/// ln(x / y) where P(X <= x) = p. The logarithm of the distribution function is concave in it, so Newton's
/// steps do not pass the root after the first.
double beta_log_odds(double a, double b, double p) noexcept {
  const double target = kernels::log(p);
  double log_odds = kernels::log(a / b), step = 1.0;
  for (int i = 0; i < 200 && std::abs(step) > 1e-9; ++i) {
    const LogCdf cdf = log_beta_cdf(beta_at(a, b, log_odds));
    step = (target - cdf.value) / cdf.slope;
    // Odds and their reciprocal stay numbers.
    log_odds = std::clamp(log_odds + step, -700.0, 700.0);
  }
  return log_odds;
}

double bounded_degrees(double degrees) noexcept { return degrees > 1e12 ? 1e12 : degrees; }

/// e^(-z^2 / 2) / sqrt(2 pi), the square in two parts, of which the first is exact.
double normal_density(double z) noexcept {
  const double near = std::bit_cast<double>(std::bit_cast<std::uint64_t>(z) & ~std::uint64_t{0x7ffffff});
  return kernels::exp(-0.5 * near * near) * kernels::exp(-0.5 * (z - near) * (z + near)) / std::sqrt(two_pi);
}

/// P(Z > z) / density, z >= 1.5.
double mills_ratio(double z) noexcept {
  double fraction = z;
  for (int n = 200; n > 0; --n) fraction = z + n / fraction;
  return 1.0 / fraction;
}

/// P(Z > z), z >= 0.
double normal_tail(double z) noexcept {
  if (z == infinity) return 0.0;
  const double density = normal_density(z);
  if (z >= 1.5) return density * mills_ratio(z);
  double term = z, sum = z;
  for (double n = 3.0; term > sum * 0x1p-54; n += 2.0) sum += term *= z * z / n;
  return 0.5 - density * sum;
}

}  // namespace

double log_binomial(double n, double k) noexcept {
  const double rest = n - k;
  const double stirling = stirling_rest(n) - (stirling_rest(k) + stirling_rest(rest));
  return k * kernels::log1p(rest / k) + rest * kernels::log1p(k / rest) +
         (stirling + 0.5 * kernels::log(n / k / rest / two_pi));
}

double beta_quantile(double a, double b, double p) noexcept {
  return 1.0 / (1.0 + kernels::exp(-beta_log_odds(a, b, p)));
}

double beta_tail_quantile(double a, double b, double p) noexcept {
  return 1.0 / (1.0 + kernels::exp(beta_log_odds(b, a, p)));
}

double students_t_tail(double t, double degrees) noexcept {
  // T^2 / degrees is y / x of the beta distribution with a = degrees / 2, b = 1/2.
  const double bounded = bounded_degrees(degrees), ratio = std::abs(t) / std::sqrt(bounded);
  const double odds = ratio <= 1.0 ? ratio * ratio : (1.0 / ratio) * (1.0 / ratio);
  const double large = 1.0 / (1.0 + odds), small = odds / (1.0 + odds);
  const Beta at{0.5 * bounded, 0.5, ratio <= 1.0 ? large : small, ratio <= 1.0 ? small : large};
  const double tail = 0.5 * kernels::exp(log_beta_cdf(at).value);
  return t < 0.0 ? 1.0 - tail : tail;
}

double students_t_quantile(double p, double degrees) noexcept {
  if (p == 0.5) return 0.0;
  const double bounded = bounded_degrees(degrees);
  return std::sqrt(bounded) * kernels::exp(-0.5 * beta_log_odds(0.5 * bounded, 0.5, 2.0 * p));
}

double normal_cdf(double z) noexcept { return z < 0.0 ? normal_tail(-z) : 1.0 - normal_tail(z); }

double normal_quantile(double p) noexcept {
  if (p > 0.5) return -normal_quantile(1.0 - p);
  if (p == 0.0) return -infinity;
  // P(Z > z) <= e^(-z^2 / 2) / 2: the start lies beyond the root, and ln P(Z > z) is concave.
  double z = std::sqrt(-2.0 * kernels::log(2.0 * p)), step = 1.0;
  for (int i = 0; i < 100 && std::abs(step) > 1e-9; ++i) {
    const double tail = normal_tail(z);
    step = kernels::log(tail / p) * tail / normal_density(z);
    z += step;
  }
  return -z;
}

}  // namespace pastonly::stats

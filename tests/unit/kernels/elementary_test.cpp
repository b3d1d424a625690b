#include "kernels/elementary.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "catch.h"
#include "stats/random.h"

namespace pastonly::kernels {
namespace {

using Wide = long double;
constexpr bool is_wide = std::numeric_limits<Wide>::digits > std::numeric_limits<double>::digits;
constexpr double infinite = std::numeric_limits<double>::infinity();
constexpr double no_number = std::numeric_limits<double>::quiet_NaN();

/// |got - exact| in units in the last place of Real at `exact`.
template <class Real>
double ulps(Real got, Wide exact) {
  int exponent = 0;
  std::frexp(exact, &exponent);
  exponent = std::max(exponent, std::numeric_limits<Real>::min_exponent);
  const Wide unit = std::ldexp(Wide{1}, exponent - std::numeric_limits<Real>::digits);
  return static_cast<double>(std::abs(static_cast<Wide>(got) - exact) / unit);
}

/// The largest error of f over arguments that draw(rng) makes.
template <class Real, class F, class Exact, class Draw>
double worst(F&& f, Exact&& exact, Draw&& draw) {
  stats::CounterRng rng(1);
  double most = 0.0;
  for (int i = 0; i < 20'000; ++i) {
    const auto x = static_cast<Real>(draw(rng));
    const double error = ulps<Real>(f(x), exact(static_cast<Wide>(x)));
    if (!(error <= most)) most = error;
  }
  return most;
}

/// Draws between two numbers, and between their exponentials.
auto between(double low, double high) {
  return [=](stats::CounterRng& rng) { return low + (high - low) * rng.uniform(); };
}
auto exponentials_between(double low, double high, double sign = 1.0) {
  return [=](stats::CounterRng& rng) { return sign * exp(low + (high - low) * rng.uniform()); };
}

}  // namespace

TEST_CASE("elementary functions err by as much as their header says", "[kernels]") {
  if (!is_wide) return;
  const auto e = [](double x) { return exp(x); };
  const auto wide_exp = [](Wide x) { return std::exp(x); };
  CHECK(worst<double>(e, wide_exp, between(-1.0, 1.0)) < 1.1);
  CHECK(worst<double>(e, wide_exp, between(-745.0, 709.7)) < 1.1);
  const auto e2 = [](double x) { return exp2(x); };
  CHECK(worst<double>(
            e2, [](Wide x) { return std::exp2(x); }, between(-1074.0, 1023.9)) < 1.1);
  const auto l = [](double x) { return log(x); };
  const auto wide_log = [](Wide x) { return std::log(x); };
  CHECK(worst<double>(l, wide_log, between(0.5, 2.0)) < 1.0);
  CHECK(worst<double>(l, wide_log, exponentials_between(-744.0, 709.0)) < 1.0);
  const auto l1 = [](double x) { return log1p(x); };
  const auto wide_log1p = [](Wide x) { return std::log1p(x); };
  CHECK(worst<double>(l1, wide_log1p, between(-0.999, 3.0)) < 1.5);
  CHECK(worst<double>(l1, wide_log1p, exponentials_between(-700.0, 700.0)) < 1.5);
  CHECK(worst<double>(l1, wide_log1p, exponentials_between(-50.0, -0.001, -1.0)) < 1.5);
  const auto l2 = [](double x) { return log2(x); };
  const auto wide_log2 = [](Wide x) { return std::log2(x); };
  CHECK(worst<double>(l2, wide_log2, between(0.5, 2.0)) < 1.7);
  CHECK(worst<double>(l2, wide_log2, exponentials_between(-744.0, 709.0)) < 1.7);
}

TEST_CASE("sines, cosines and powers err by as much as their header says", "[kernels]") {
  if (!is_wide) return;
  const auto s = [](double x) { return sin(x); };
  const auto c = [](double x) { return cos(x); };
  CHECK(worst<double>(
            s, [](Wide x) { return std::sin(x); }, between(-10.0, 10.0)) < 1.5);
  CHECK(worst<double>(
            c, [](Wide x) { return std::cos(x); }, between(-10.0, 10.0)) < 1.5);
  stats::CounterRng rng(2);
  for (int i = 0; i < 20'000; ++i) {
    const double x = 1e9 * rng.uniform() - 5e8;
    REQUIRE(std::abs(static_cast<Wide>(sin(x)) - std::sin(static_cast<Wide>(x))) < 0x1p-52L);
    REQUIRE(std::abs(static_cast<Wide>(cos(x)) - std::cos(static_cast<Wide>(x))) < 0x1p-52L);
    const double base = 0.1 + 4.0 * rng.uniform(), power = 200.0 * rng.uniform() - 100.0;
    const Wide exact = std::pow(static_cast<Wide>(base), static_cast<Wide>(power));
    REQUIRE(ulps(pow(base, power), exact) <= 2.0 + 3.0 * std::abs(static_cast<double>(std::log2(exact))));
  }
}

TEST_CASE("in float they are off by hardly more than rounding", "[kernels]") {
  const auto e = [](float x) { return exp(x); };
  const auto wide_exp = [](Wide x) { return std::exp(x); };
  CHECK(worst<float>(e, wide_exp, between(-1.0, 1.0)) < 0.501);
  CHECK(worst<float>(e, wide_exp, between(-103.0, 88.7)) < 0.501);
  const auto l = [](float x) { return log(x); };
  const auto wide_log = [](Wide x) { return std::log(x); };
  CHECK(worst<float>(l, wide_log, between(0.5, 2.0)) < 0.501);
  CHECK(worst<float>(l, wide_log, exponentials_between(-103.0, 88.7)) < 0.501);
}

TEST_CASE("elementary functions where they are exact", "[kernels]") {
  for (int n = -1074; n < 1024; ++n) {
    const double power = std::ldexp(1.0, n);
    REQUIRE(exp2(static_cast<double>(n)) == power);
    REQUIRE(log2(power) == n);
  }
  CHECK(exp(0.0) == 1.0);
  CHECK(exp(0.0F) == 1.0F);
  CHECK(log(1.0) == 0.0);
  CHECK(log(1.0F) == 0.0F);
  CHECK(log1p(1e-300) == 1e-300);
  CHECK(std::signbit(log1p(-0.0)));
  CHECK(sin(0.0) == 0.0);
  CHECK(cos(0.0) == 1.0);
  CHECK(pow(0.0, 0.0) == 1.0);
  CHECK(pow(1.0, infinite) == 1.0);
  CHECK(pow(4.0, 0.5) == 2.0);
}

TEST_CASE("elementary functions at their ends", "[kernels]") {
  CHECK(exp(infinite) == infinite);
  CHECK(exp(710.0) == infinite);
  CHECK(exp(-infinite) == 0.0);
  CHECK(exp(-745.0) == std::numeric_limits<double>::denorm_min());
  CHECK(exp(89.0F) == std::numeric_limits<float>::infinity());
  CHECK(exp(-104.0F) == 0.0F);
  CHECK(exp(-103.0F) == std::numeric_limits<float>::denorm_min());
  CHECK(exp2(1024.0) == infinite);
  CHECK(exp2(-1076.0) == 0.0);
  CHECK(log(0.0) == -infinite);
  CHECK(log(-0.0F) == -std::numeric_limits<float>::infinity());
  CHECK(log(infinite) == infinite);
  CHECK(log1p(-1.0) == -infinite);
  CHECK(log2(0.0) == -infinite);
  CHECK(pow(0.0, 2.0) == 0.0);
  CHECK(pow(0.0, -2.0) == infinite);
  CHECK(pow(infinite, -1.0) == 0.0);
  for (const double value :
       {log(-1.0), log1p(-1.5), log2(-1.0), sin(infinite), cos(-infinite), exp(no_number), exp2(no_number),
        log(no_number), log1p(no_number), log2(no_number), sin(no_number), cos(no_number),
        pow(no_number, 2.0), pow(2.0, no_number), pow(0.0, no_number)})
    CHECK(std::isnan(value));
  CHECK(std::isnan(exp(static_cast<float>(no_number))));
  CHECK(std::isnan(log(static_cast<float>(no_number))));
  CHECK(std::isnan(log(-1.0F)));
}

}  // namespace pastonly::kernels

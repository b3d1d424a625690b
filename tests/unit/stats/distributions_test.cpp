#include "stats/distributions.h"

#include <algorithm>
#include <boost/math/distributions/students_t.hpp>
#include <boost/math/special_functions/beta.hpp>
#include <boost/math/special_functions/erf.hpp>
#include <boost/math/special_functions/gamma.hpp>
#include <cmath>
#include <limits>
#include <numbers>

#include "catch.h"

using namespace pastonly::stats;

namespace {

// Boost's own rounding stays below the tolerances in long double where that is wider than double.
using Wide = long double;
constexpr bool is_wide = std::numeric_limits<Wide>::digits > std::numeric_limits<double>::digits;
constexpr double unbounded = std::numeric_limits<double>::infinity();
constexpr double no_number = std::numeric_limits<double>::quiet_NaN();

double off(double got, Wide reference) {
  return static_cast<double>(std::abs((static_cast<Wide>(got) - reference) / reference));
}

/// How far x lies from where P(X <= x) is p, relative to x: one of Newton's steps with Boost's functions.
double quantile_error(double a, double b, double p, double x, bool tail) {
  const Wide wide_a = a, wide_b = b, wide_x = x;
  const Wide at =
      tail ? boost::math::ibetac(wide_a, wide_b, wide_x) : boost::math::ibeta(wide_a, wide_b, wide_x);
  const Wide slope = boost::math::ibeta_derivative(wide_a, wide_b, wide_x);
  return static_cast<double>(std::abs((at - static_cast<Wide>(p)) / (slope * wide_x)));
}

}  // namespace

TEST_CASE("logarithms of binomial coefficients", "[stats][distributions]") {
  for (const double n : {2.0, 3.0, 10.0, 11.5, 100.0, 1e3, 1e6, 1e9, 1e12}) {
    Wide product = 0.0L;
    for (double k = 1.0; k < std::min(n, 200.0); k += 1.0) {
      product += std::log(static_cast<Wide>(n - k + 1.0) / static_cast<Wide>(k));
      if (n - k <= 0.0) break;
      INFO(n << " over " << k);
      CHECK(std::abs(log_binomial(n, k) - static_cast<double>(product)) <=
            1e-15 * static_cast<double>(product) + 5e-15);
      CHECK(log_binomial(n, n - k) == log_binomial(n, k));
    }
  }
  for (const double n : {1.0, 5.0, 64.0, 500.0}) {
    for (const double share : {1e-6, 0.01, 0.3, 0.5, 0.99}) {
      const Wide k = share * n, whole = n;
      const Wide reference =
          std::lgamma(whole + 1.0L) - std::lgamma(k + 1.0L) - std::lgamma(whole - k + 1.0L);
      CHECK(log_binomial(n, share * n) ==
            Approx(static_cast<double>(reference)).epsilon(1e-14).margin(1e-14));
    }
  }
  CHECK(std::isnan(log_binomial(no_number, 1.0)));
}

TEST_CASE("Student's t tails against Boost", "[stats][distributions]") {
  for (const double degrees : {1.0, 1.5, 2.0, 3.0, 7.3, 30.0, 100.0, 999.5, 1e5, 1e7, 1e9}) {
    const boost::math::students_t_distribution<Wide> reference(degrees);
    for (double t = 0.001; t < 40.0; t *= 1.3) {
      const Wide exact = boost::math::cdf(boost::math::complement(reference, static_cast<Wide>(t)));
      if (exact < 1e-300L) continue;
      INFO(degrees << " degrees, t " << t);
      CHECK(off(students_t_tail(t, degrees), exact) <=
            (is_wide ? 1.0 : 10.0) * (2e-14 + 1e-15 * std::min(t * t, degrees)));
      CHECK(students_t_tail(-t, degrees) == 1.0 - students_t_tail(t, degrees));
    }
    for (const double p : {1e-12, 1e-6, 0.001, 0.025, 0.05, 0.3, 0.49}) {
      INFO(degrees << " degrees, p " << p);
      const double t = students_t_quantile(p, degrees);
      CHECK(off(t, boost::math::quantile(boost::math::complement(reference, static_cast<Wide>(p)))) <=
            (is_wide ? 5e-14 : 1e-12));
    }
  }
}

TEST_CASE("Student's t in closed form and at its ends", "[stats][distributions]") {
  for (const double t : {0.01, 0.5, 1.0, 4.0, 1e3, 1e8, 1e100}) {
    // One degree is Cauchy's distribution, two are algebraic.
    CHECK(off(students_t_tail(t, 1.0), std::atan(1.0L / static_cast<Wide>(t)) / std::numbers::pi_v<Wide>) <=
          (t < 1e10 ? 2e-14 : 1e-13));
    const Wide wide = t, root = std::sqrt(wide * wide + 2.0L);
    CHECK(off(students_t_tail(t, 2.0), 1.0L / (root * (root + wide))) <= (t < 1e10 ? 2e-14 : 1e-13));
  }
  CHECK(students_t_tail(0.0, 5.0) == 0.5);
  CHECK(students_t_tail(unbounded, 5.0) == 0.0);
  CHECK(students_t_tail(-unbounded, 5.0) == 1.0);
  CHECK(students_t_tail(3.0, 1e12) == Approx(normal_cdf(-3.0)).epsilon(1e-10));
  CHECK(students_t_tail(3.0, unbounded) == students_t_tail(3.0, 1e12));
  CHECK(std::isnan(students_t_tail(no_number, 5.0)));
  CHECK(std::isnan(students_t_tail(1.0, no_number)));
  CHECK(students_t_quantile(0.5, 7.0) == 0.0);
  CHECK(students_t_quantile(0.25, 1.0) == Approx(1.0).epsilon(1e-14));
  CHECK(students_t_quantile(1e-100, 1.0) == Approx(1e100 / std::numbers::pi).epsilon(1e-13));
  CHECK(std::isnan(students_t_quantile(no_number, 5.0)));
  CHECK(std::isnan(students_t_quantile(0.1, no_number)));
}

TEST_CASE("quantiles of the beta distribution against Boost", "[stats][distributions]") {
  for (const double n : {1.0, 2.0, 5.0, 40.0, 1e3, 1e5, 1e7, 1e9}) {
    for (const double share : {0.0, 1e-7, 1e-3, 0.1, 0.5, 0.8, 0.999, 1.0}) {
      const double a = std::max(1.0, std::floor(share * n)), b = n - a + 1.0;
      for (const double p : {1e-9, 1e-4, 0.025, 0.3, 0.8}) {
        INFO(a << " " << b << " " << p);
        const double tolerance = is_wide ? 2e-14 : 1e-11;
        CHECK(quantile_error(a, b, p, beta_quantile(a, b, p), false) <= tolerance);
        CHECK(quantile_error(a, b, p, beta_tail_quantile(a, b, p), true) <= tolerance);
      }
    }
  }
}

TEST_CASE("quantiles of the beta distribution in closed form", "[stats][distributions]") {
  for (const double n : {1.0, 3.0, 1e4, 1e9}) {
    for (const double p : {1e-300, 1e-20, 0.05, 0.5}) {
      INFO(n << " " << p);
      const double log_root = std::log(p) / n;
      CHECK(beta_quantile(n, 1.0, p) == Approx(std::exp(log_root)).epsilon(2e-13));
      CHECK(beta_tail_quantile(1.0, n, p) == Approx(-std::expm1(log_root)).epsilon(2e-13));
      CHECK(beta_tail_quantile(n, 1.0, p) == Approx(std::exp(std::log1p(-p) / n)).epsilon(2e-13));
    }
    // As likely on either side.
    CHECK(beta_quantile(n, n, 0.5) == Approx(0.5).epsilon(1e-15));
    CHECK(beta_tail_quantile(n, n, 0.5) == Approx(0.5).epsilon(1e-15));
  }
  CHECK(std::isnan(beta_quantile(no_number, 1.0, 0.5)));
  CHECK(std::isnan(beta_quantile(2.0, 1.0, no_number)));
}

TEST_CASE("the normal distribution against Boost", "[stats][distributions]") {
  for (double z = -37.0; z < 9.0; z += 0.037) {
    INFO(z);
    const Wide exact = boost::math::erfc(-static_cast<Wide>(z) / std::sqrt(2.0L)) / 2.0L;
    CHECK(off(normal_cdf(z), exact) <= (is_wide ? 1e-14 : 2e-12));
  }
  for (double p = 1e-300; p < 1.0; p = p < 1e-3 ? p * 7.0 : p + 0.0037) {
    INFO(p);
    const auto exact =
        static_cast<double>(-std::sqrt(2.0L) * boost::math::erfc_inv(2.0L * static_cast<Wide>(p)));
    CHECK(std::abs(normal_quantile(p) - exact) <= 1e-14 * std::max(1.0, std::abs(exact)));
    if (p >= 1e-3) CHECK(normal_quantile(1.0 - p) == Approx(-normal_quantile(p)).margin(1e-13));
  }
  CHECK(normal_cdf(0.0) == 0.5);
  CHECK(normal_cdf(-unbounded) == 0.0);
  CHECK(normal_cdf(unbounded) == 1.0);
  CHECK(std::isnan(normal_cdf(no_number)));
  CHECK(normal_quantile(0.5) == 0.0);
  CHECK(normal_quantile(0.0) == -unbounded);
  CHECK(normal_quantile(1.0) == unbounded);
  CHECK(std::isnan(normal_quantile(no_number)));
}

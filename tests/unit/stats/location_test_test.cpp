#include "stats/location_test.h"

#include <cmath>
#include <limits>
#include <vector>

#include "catch.h"

using namespace pastonly::stats;

TEST_CASE("t-test against zero", "[stats][location]") {
  // Mean 2, standard deviation 1, n = 3: t = 3.4641; P(T_2 > t) = 1/2 - t / (2 sqrt(2 + t^2)).
  const double t = 2.0 * std::sqrt(3.0);
  CHECK(mean_exceeds(std::vector{1.0, 2.0, 3.0}) == Approx(0.5 - t / (2.0 * std::sqrt(2.0 + t * t))));
  CHECK(mean_exceeds(std::vector{-1.0, 1.0}) == Approx(0.5));
}

TEST_CASE("t-test on empty, one, constant and broken input", "[stats][location]") {
  const double nan = std::nan(""), infinity = std::numeric_limits<double>::infinity();
  CHECK(mean_exceeds({}) == 1.0);
  CHECK(mean_exceeds(std::vector{3.0}) == 1.0);
  CHECK(mean_exceeds(std::vector{0.5, 0.5, 0.5}) == 0.0);
  CHECK(mean_exceeds(std::vector{0.0, 0.0}) == 1.0);
  CHECK(mean_exceeds(std::vector{-0.5, -0.5}) == 1.0);
  CHECK(mean_exceeds(std::vector{-1.0, nan, 1.0, infinity}) == Approx(0.5));
  CHECK(mean_exceeds(std::vector{1.0, 2.0, 3.0}, 2.0) == Approx(0.5));
  CHECK(mean_exceeds(std::vector{1.5, 2.5, 3.5}, 0.5) == Approx(mean_exceeds(std::vector{1.0, 2.0, 3.0})));
  CHECK(mean_exceeds(std::vector{0.5, 0.5}, 0.5) == 1.0);
}

TEST_CASE("Kendall's trend", "[stats][location]") {
  CHECK(kendall_trend({}) == 0.0);
  CHECK(kendall_trend(std::vector{1.0}) == 0.0);
  CHECK(kendall_trend(std::vector{2.0, 2.0, 2.0}) == 0.0);
  CHECK(kendall_trend(std::vector{1.0, 2.0, 5.0}) == Approx(1.0));
  CHECK(kendall_trend(std::vector{3.0, std::nan(""), 2.0}) == Approx(-1.0));
  CHECK(kendall_trend(std::vector{1.0, 2.0, 2.0}) == Approx(2.0 / std::sqrt(6.0)));
}

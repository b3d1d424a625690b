#include "comparison/stochastic_test.h"

#include <cmath>

#include "catch.h"
#include "stats/random.h"

using namespace pastonly;

namespace {

/// Distances of points on a line.
std::vector<double> distances(const std::vector<double>& points) {
  std::vector<double> out;
  for (const double a : points) {
    for (const double b : points) out.push_back(std::abs(a - b));
  }
  return out;
}

}  // namespace

TEST_CASE("the exchangeability test is exact on small groups", "[chance]") {
  // Two tight groups far apart: only the observed split and, with equal sizes, its mirror are as extreme.
  CHECK(comparison::exchangeability_p(distances({0, 0.1, 5, 5.1, 5.2}), 5, 2, 1) == Approx(0.1));
  CHECK(comparison::exchangeability_p(distances({0, 0.1, 5, 5.1}), 4, 2, 1) == Approx(2.0 / 6.0));
  CHECK(comparison::exchangeability_p(distances({1, 1, 1, 1}), 4, 2, 1) == 1.0);
}

TEST_CASE("the exchangeability test keeps its level and has power", "[chance]") {
  for (const double shift : {0.0, 3.0}) {
    int rejected = 0;
    for (std::uint64_t round = 0; round < 400; ++round) {
      stats::CounterRng rng(round, 9);
      std::vector<double> points;
      for (int i = 0; i < 10; ++i) points.push_back(rng.normal() + (i >= 6 ? shift : 0.0));
      rejected += comparison::exchangeability_p(distances(points), 10, 6, round) <= 0.05;
    }
    CAPTURE(shift, rejected);
    // Binomial(400, 0.05) exceeds 36 with probability below 0.1%.
    if (shift == 0.0) CHECK(rejected <= 36);
    if (shift > 0.0) CHECK(rejected > 300);
  }
}

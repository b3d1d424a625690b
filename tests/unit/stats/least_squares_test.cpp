#include "stats/least_squares.h"

#include <array>
#include <cmath>

#include "catch.h"
#include "stats/random.h"

using pastonly::stats::CounterRng;
using pastonly::stats::LeastSquares;
using Row = std::vector<std::pair<std::size_t, double>>;

TEST_CASE("least squares recovers planted unknowns", "[stats][least-squares]") {
  const std::array<double, 4> planted{1.5, -2.0, 0.25, 0.0};
  LeastSquares system(5);
  CounterRng rng(41);
  for (int i = 0; i < 60; ++i) {
    Row row;
    double value = 0.0;
    for (std::size_t u = 0; u < planted.size(); ++u) {
      row.emplace_back(u, rng.normal());
      value += row.back().second * planted.at(u);
    }
    row.emplace_back(0, 0.5);  // an unknown may appear twice
    value += 0.5 * planted[0];
    system.add(row, value);
  }
  const auto solution = system.solve();
  REQUIRE(solution);
  for (std::size_t u = 0; u < planted.size(); ++u)
    CHECK((*solution)[u] == Approx(planted.at(u)).margin(1e-9));
  CHECK((*solution)[4] == 0.0);  // in no equation
}

TEST_CASE("least squares minimises the residual", "[stats][least-squares]") {
  // One unknown: the mean.
  LeastSquares system(1);
  for (const double value : {1.0, 2.0, 6.0}) system.add(Row{{0, 1.0}}, value);
  CHECK(system.solve()->front() == Approx(3.0));
}

TEST_CASE("least squares without a unique or finite solution", "[stats][least-squares]") {
  CHECK_FALSE(LeastSquares(0).solve());
  CHECK_FALSE(LeastSquares(2).solve());
  LeastSquares same(2);
  for (int i = 0; i < 9; ++i) same.add(Row{{0, 1.0}, {1, 1.0}}, i);
  CHECK_FALSE(same.solve());
  LeastSquares broken(1);
  for (int i = 0; i < 9; ++i) broken.add(Row{{0, 1.0}}, i == 4 ? std::nan("") : 1.0);
  CHECK_FALSE(broken.solve());
}

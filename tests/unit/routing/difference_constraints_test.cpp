#include "routing/identify/offsets/difference_constraints.h"

#include <algorithm>
#include <cmath>

#include "catch.h"
#include "stats/random.h"

using pastonly::routing::hypotheses::DifferenceConstraints;

namespace {

/// Floyd-Warshall: infeasible exactly if some unknown reaches itself at a negative distance.
bool feasible_by_all_pairs(const DifferenceConstraints& constraints) {
  const std::size_t n = constraints.size();
  std::vector<double> distance(n * n);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) distance[i * n + j] = i == j ? 0.0 : constraints.limit(i, j);
  }
  for (std::size_t via = 0; via < n; ++via) {
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < n; ++j) {
        distance[i * n + j] = std::min(distance[i * n + j], distance[i * n + via] + distance[via * n + j]);
      }
    }
  }
  for (std::size_t i = 0; i < n; ++i) {
    if (distance[i * n + i] < 0.0) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("Difference constraints agree with all-pairs shortest paths", "[identify]") {
  std::size_t feasible = 0;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    pastonly::stats::CounterRng rng(seed);
    const std::size_t n = 2 + rng.below(5);
    DifferenceConstraints constraints(n);
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < n; ++j) {
        if (i != j && rng.uniform() < 0.7) constraints.limit(i, j) = rng.uniform() - 0.25;
      }
    }
    const auto solution = constraints.solve(1e-12);
    REQUIRE(solution.has_value() == feasible_by_all_pairs(constraints));
    if (solution) {
      ++feasible;
      CHECK(constraints.negative_cycle(1e-12).empty());
      for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t j = 0; j < n; ++j) {
          CHECK(solution->values[j] - solution->values[i] <= constraints.limit(i, j) + 1e-9);
        }
      }
    } else {
      const auto cycle = constraints.negative_cycle(1e-12);
      REQUIRE(cycle.size() >= 2);
      double sum = 0.0;
      for (std::size_t c = 0; c < cycle.size(); ++c) {
        sum += constraints.limit(cycle[c], cycle[(c + 1) % cycle.size()]);
      }
      CHECK(sum < 0.0);
    }
  }
  CHECK(feasible > 30);
  CHECK(feasible < 270);
}

TEST_CASE("The solution keeps its distance from the limits", "[identify]") {
  DifferenceConstraints constraints(2);
  constraints.limit(0, 1) = 0.5;   // b1 - b0 <= 0.5
  constraints.limit(1, 0) = -0.3;  // b1 - b0 >= 0.3
  const auto solution = constraints.solve(1e-9);
  REQUIRE(solution);
  CHECK(solution->slack == Approx(0.1).margin(1e-6));
  CHECK(solution->values[1] - solution->values[0] == Approx(0.4).margin(0.11));
  CHECK(solution->values[0] + solution->values[1] == Approx(0.0).margin(1e-9));
}

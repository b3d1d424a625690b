#include "stats/matching_test.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "catch.h"
#include "stats/random.h"

using namespace pastonly;
using stats::CounterRng;

namespace {

using Values = std::vector<double>;
kernels::Block<const double> square(const Values& values) {
  const auto n = static_cast<std::size_t>(std::lround(std::sqrt(static_cast<double>(values.size()))));
  return {values.data(), n, n};
}

Values random_matrix(std::size_t n, std::uint64_t seed, double diagonal = 1.0) {
  CounterRng random(seed);
  Values out(n * n);
  for (double& value : out) value = 0.5 + random.uniform();
  for (std::size_t i = 0; i < n; ++i) out[i * n + i] *= diagonal;
  return out;
}

}  // namespace

TEST_CASE("winners are unique largest entries", "[matching]") {
  const Values values{3, 1, 2,  //
                      5, 5, 1,  //
                      0, 1, 4};
  CHECK(stats::largest_columns(square(values)) == std::vector<std::size_t>{0, 3, 2});
  CHECK(stats::largest_rows(square(values)) == std::vector<std::size_t>{1, 1, 2});
  CHECK(stats::own_places(stats::largest_columns(square(values))) == 2);
}

TEST_CASE("the chance of so many matches is that of all pairings", "[matching]") {
  constexpr std::size_t n = 6;
  CounterRng random(3);
  for (int trial = 0; trial < 20; ++trial) {
    std::vector<std::size_t> winners(n);
    for (auto& winner : winners) winner = random.below(trial < 10 ? n : n + 1);  // n: none wins
    std::vector<std::size_t> pairing(n), counts(n + 1, 0);
    std::iota(pairing.begin(), pairing.end(), std::size_t{0});
    std::size_t all = 0;
    do {
      std::size_t hits = 0;
      for (std::size_t i = 0; i < n; ++i) hits += winners[i] == pairing[i] ? 1 : 0;
      ++counts[hits];
      ++all;
    } while (std::next_permutation(pairing.begin(), pairing.end()));
    for (std::size_t k = 0; k <= n; ++k) {
      std::size_t tail = 0;
      for (std::size_t hits = k; hits <= n; ++hits) tail += counts[hits];
      CHECK(stats::matching_p(winners, k) ==
            Approx(static_cast<double>(tail) / static_cast<double>(all)).margin(1e-14));
    }
  }
}

TEST_CASE("many matches of many experts keep their digits", "[matching]") {
  std::vector<std::size_t> winners(256);
  std::iota(winners.begin(), winners.end(), std::size_t{0});
  // Fixed points of a random permutation: 1 - 1/e of having one, about 1 / (e k!) (1 + 1 / (k + 1) ...) of k.
  CHECK(stats::matching_p(winners, 1) == Approx(1.0 - std::exp(-1.0)).epsilon(1e-12));
  double poisson = 0.0, term = std::exp(-1.0);
  for (int k = 1; k <= 60; ++k) {
    term /= k;
    if (k >= 20) poisson += term;
  }
  CHECK(stats::matching_p(winners, 20) == Approx(poisson).epsilon(1e-9));
  CHECK(stats::matching_p(winners, 256) < 1e-300);
}

TEST_CASE("the excess of the diagonal does not depend on factors to rows and columns", "[matching]") {
  constexpr std::size_t n = 12;
  const Values values = random_matrix(n, 5, 1.5);
  Values scaled = values;
  CounterRng random(6);
  for (std::size_t i = 0; i < n; ++i) {
    const double row = std::exp(3.0 * random.normal()), column = std::exp(3.0 * random.normal());
    for (std::size_t j = 0; j < n; ++j) {
      scaled[i * n + j] *= row;
      scaled[j * n + i] *= column;
    }
  }
  const auto a = stats::diagonal_excess(square(values), 1), b = stats::diagonal_excess(square(scaled), 1);
  CHECK(a.mean == Approx(b.mean));
  CHECK(a.p_value == b.p_value);
  double rows = 0.0, largest = 0.0;
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) rows += a.normalised[i * n + j];
    largest = std::max(largest, std::abs(rows));
  }
  CHECK(largest < 1e-12);
}

TEST_CASE("the p-value of the diagonal's excess is near that of all pairings", "[matching]") {
  constexpr std::size_t n = 6;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    const Values values = random_matrix(n, seed, 1.2);
    const auto found = stats::diagonal_excess(square(values), seed);
    std::vector<std::size_t> pairing(n);
    std::iota(pairing.begin(), pairing.end(), std::size_t{0});
    double own = 0.0, all = 0.0, as_large = 0.0;
    for (std::size_t i = 0; i < n; ++i) own += std::log(values[i * n + i]);
    do {
      double sum = 0.0;
      for (std::size_t i = 0; i < n; ++i) sum += std::log(values[i * n + pairing[i]]);
      as_large += sum >= own - 1e-12 ? 1.0 : 0.0;
      all += 1.0;
    } while (std::next_permutation(pairing.begin(), pairing.end()));
    CHECK(found.p_value == Approx(as_large / all).margin(0.02));
  }
}

TEST_CASE("unpaired rows and columns are found paired as often as the level says", "[matching]") {
  std::size_t excess = 0, rows = 0;
  constexpr std::size_t samples = 1000;
  for (std::uint64_t seed = 0; seed < samples; ++seed) {
    const Values values = random_matrix(16, seed);
    const auto winners = stats::largest_columns(square(values));
    excess += stats::diagonal_excess(square(values), samples + seed).p_value <= 0.05 ? 1 : 0;
    rows += stats::matching_p(winners, stats::own_places(winners)) <= 0.05 ? 1 : 0;
  }
  INFO("excess " << excess << " and rows " << rows << " of " << samples);
  CHECK(excess < 73);  // 50 +- 3.3 standard deviations
  CHECK(excess > 27);
  CHECK(rows < 73);  // discrete: fewer
}

TEST_CASE("rows of zeros are left out, and equal experts are not paired", "[matching]") {
  Values values = random_matrix(8, 9, 3.0);
  for (std::size_t j = 0; j < 8; ++j) values[3 * 8 + j] = 0.0;
  const auto found = stats::diagonal_excess(square(values), 1);
  CHECK(found.places == 7);
  CHECK(std::isfinite(found.mean));
  CHECK(found.p_value < 0.01);
  const auto same = stats::diagonal_excess(square(Values(64, 0.7)), 1);
  CHECK(same.p_value == 1.0);
  CHECK(stats::diagonal_excess(square(Values(64, 0.0)), 1).p_value == 1.0);
  CHECK(stats::diagonal_excess(square({1, 2, 3, 4}), 1).smallest_p == 0.5);
}

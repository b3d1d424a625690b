#include "stats/e_process.h"

#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "catch.h"
#include "stats/random.h"

using namespace pastonly::stats;

namespace {
constexpr double infinite = std::numeric_limits<double>::infinity();
}

TEST_CASE("an e-process adds log ratios and keeps its supremum", "[stats][e-process]") {
  EProcess process;
  CHECK(process.log2_value() == 0.0);
  CHECK(process.log2_supremum() == 0.0);
  for (const double ratio : {1.0, 2.0, -4.0, 0.5}) process.observe(ratio);
  CHECK(process.log2_value() == Approx(-0.5));
  CHECK(process.log2_supremum() == Approx(3.0));
  CHECK(process.length() == 4);
}

TEST_CASE("impossible and missing predictions end a path at zero", "[stats][e-process]") {
  for (const double broken : {-infinite, infinite, std::nan("")}) {
    EProcess process;
    process.observe(3.0);
    process.observe(broken);
    process.observe(40.0);
    CHECK(process.log2_value() == -infinite);
    CHECK(process.log2_supremum() == Approx(3.0));
  }
}

TEST_CASE("e-values average in the log domain", "[stats][e-process]") {
  CHECK(log2_mean({}) == 0.0);
  CHECK(log2_mean(std::vector{7.5}) == Approx(7.5));
  CHECK(log2_mean(std::vector{1.0, 3.0}) == Approx(std::log2(5.0)));
  CHECK(log2_mean(std::vector{5000.0, -infinite}) == Approx(4999.0));
  CHECK(log2_mean(std::vector{-infinite, -infinite}) == -infinite);
  CHECK(p_value_of(0.0) == 1.0);
  CHECK(p_value_of(-3.0) == 1.0);
  CHECK(p_value_of(10.0) == Approx(1.0 / 1024.0));
  CHECK(p_value_of(-infinite) == 1.0);
  CHECK(p_value_of(std::nan("")) == 1.0);
}

TEST_CASE("The mean's lower bound is positive where the e-value rejects", "[stats][e-process]") {
  CHECK(mean_lower_bound(10.0, 0.25, 4.0) == Approx(2.0));
  CHECK(mean_lower_bound(2.0, 0.25, 4.0) == Approx(0.0).margin(1e-12));
  CHECK(mean_lower_bound(1.0, 0.25, 4.0) < 0.0);
  CHECK(mean_lower_bound(-infinite, 0.25, 4.0) == -infinite);
}

TEST_CASE("Ville: a causal predictor rarely exceeds 1/alpha", "[stats][e-process]") {
  // Uniform tokens over 4; the predictor bets half its mass on the last token seen.
  constexpr int runs = 2000;
  int exceeded = 0;
  for (int run = 0; run < runs; ++run) {
    CounterRng rng(5, static_cast<std::uint64_t>(run));
    EProcess process;
    std::uint64_t last = 0;
    for (int t = 0; t < 100; ++t) {
      const std::uint64_t token = rng.below(4);
      process.observe(std::log2(token == last ? 0.5 : 0.5 / 3.0) + 2.0);
      last = token;
    }
    exceeded += process.log2_supremum() >= std::log2(20.0);
  }
  CHECK(exceeded <= runs / 20);
}

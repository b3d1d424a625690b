#include "stats/loss_sweep.h"

#include <limits>
#include <vector>

#include "catch.h"
#include "stats/mean_difference.h"
#include "stats/random.h"

using namespace pastonly::stats;

TEST_CASE("difference of means, by hand", "[mean-difference]") {
  // With two degrees of freedom the tail of t is 1/2 - t / (2 sqrt(2 + t^2)); its 97.5% point is 4.30265.
  const std::vector<double> a{5.1, 4.9, 5.3, 5.0}, b{4.2, 4.9, 4.4}, single{4.0};
  const auto two = mean_difference(a, b, 0.05);
  REQUIRE(two);
  CHECK(two->value == Approx(0.575));
  CHECK(two->p_value == Approx(0.0625194).epsilon(1e-4));
  REQUIRE(two->interval);
  CHECK(two->interval->lower == Approx(-0.3930969).epsilon(1e-4));
  CHECK(two->interval->upper == Approx(1.5430969).epsilon(1e-4));
  const auto one = mean_difference(a, single, 0.05);
  REQUIRE(one);
  CHECK(one->p_value == 1.0);  // its spread is unknown
  CHECK_FALSE(one->interval);
}

TEST_CASE("difference of means without a spread says nothing", "[mean-difference]") {
  const std::vector<double> a{5.0}, b{4.0}, same{4.0, 4.0}, nothing,
      nan{std::numeric_limits<double>::quiet_NaN()};
  for (const auto& other : {b, same}) {
    const auto found = mean_difference(a, other, 0.05);
    REQUIRE(found);
    CHECK(found->value == 1.0);
    CHECK_FALSE(found->interval);
    CHECK(found->p_value == 1.0);
  }
  CHECK_FALSE(mean_difference(a, nothing, 0.05));
  CHECK_FALSE(mean_difference(nan, a, 0.05));
}

TEST_CASE("difference of means keeps its level and covers, whatever the spreads", "[mean-difference]") {
  CounterRng rng(11);
  for (const auto& [first, second] : {std::pair{2, 2}, {2, 8}, {8, 2}, {3, 5}, {5, 5}}) {
    for (const double spread : {0.01, 0.1, 1.0, 3.0, 10.0}) {
      CAPTURE(first, second, spread);
      int rejected = 0, covered = 0;
      for (int trial = 0; trial < 2000; ++trial) {
        std::vector<double> a(static_cast<std::size_t>(first)), b(static_cast<std::size_t>(second));
        for (double& x : a) x = rng.normal();
        for (double& x : b) x = spread * rng.normal();
        const auto found = mean_difference(a, b, 0.05);
        REQUIRE(found);
        rejected += found->p_value <= 0.05 ? 1 : 0;
        covered += found->interval->lower <= 0.0 && found->interval->upper >= 0.0 ? 1 : 0;
      }
      CHECK(rejected < 135);  // 100 expected at most; 135 is exceeded once in 3,000
      CHECK(covered > 1865);
    }
  }
}

TEST_CASE("drops against the baseline and the largest chunk", "[loss-sweep]") {
  const std::vector<SweepArm> arms{{8, false, {5.7, 5.8}},
                                   {64, false, {5.95, 5.97}},
                                   {std::nullopt, true, {6.0, 6.01}},
                                   {std::nullopt, false, {5.99}},
                                   {512, false, {}}};
  const auto drops = sweep_drops(arms, 0.05);
  REQUIRE(drops.size() == 4);
  CHECK((drops[0].arm == 0 && drops[0].against == 2));
  CHECK(drops[0].drop.value == Approx(0.255));
  CHECK((drops[1].arm == 0 && drops[1].against == 1));
  CHECK(drops[1].drop.value == Approx(0.21));
  CHECK((drops[2].arm == 1 && drops[2].against == 2));
  CHECK((drops[3].arm == 3 && drops[3].against == 2));
  CHECK(sweep_drops({}, 0.05).empty());
}

TEST_CASE("trend of the loss with the chunk", "[loss-sweep]") {
  std::vector<SweepArm> arms{{64, false, {6.0}}, {8, false, {5.8}}, {16, false, {5.9, 5.92}}};
  CHECK(*chunk_trend(arms) == Approx(1.0));
  arms[1].losses = {6.2};
  CHECK(*chunk_trend(arms) == Approx(-1.0 / 3.0));
  arms.pop_back();
  CHECK_FALSE(chunk_trend(arms));
}

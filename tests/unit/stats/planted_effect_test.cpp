#include "stats/planted_effect.h"

#include <cmath>

#include "catch.h"
#include "stats/random.h"

using namespace pastonly;

namespace {

/// Rows of runs whose counts are alike: 4 treated and `controls` more, each of 1000 decisions.
stats::CountedStrata counts(double mean, std::size_t controls, std::uint64_t seed) {
  stats::CountedStrata out;
  stats::CounterRng rng(seed);
  for (int row = 0; row < 4; ++row) {
    stats::MatchedStratum& stratum = out.strata.emplace_back();
    stratum.treated = 4;
    stratum.members = 4 + controls;
    std::vector<double> shown(stratum.members);
    for (double& x : shown) x = std::max(0.0, std::round(mean + std::sqrt(mean) * rng.normal()));
    for (std::size_t k = 0; k < stratum.treated; ++k)
      stratum.values.insert(stratum.values.end(), shown.begin(), shown.end());
    out.room.emplace_back(stratum.treated, 1000.0);
  }
  return out;
}

}  // namespace

TEST_CASE("the least planted share grows with the noise and falls with controls", "[noise]") {
  const auto still = stats::least_planted_share(stats::planted_counts(counts(0.0, 12, 1)), 0.01, 1);
  const auto noisy = stats::least_planted_share(stats::planted_counts(counts(100.0, 12, 1)), 0.01, 1);
  const auto few = stats::least_planted_share(stats::planted_counts(counts(100.0, 2, 1)), 0.01, 1);
  REQUIRE(still);
  REQUIRE(noisy);
  CHECK(*still <= 0.001);
  CHECK(*noisy >= 0.003);
  CHECK(*noisy <= 0.03);
  CHECK((!few || *few >= *noisy));
  // No number of controls makes two members tell at this level.
  stats::CountedStrata pair;
  pair.strata.push_back({1, 2, {0.0, 0.0}});
  pair.room.push_back({1000.0});
  CHECK_FALSE(stats::least_planted_share(stats::planted_counts(pair), 0.05, 1));
}

#include "stats/matched_permutation.h"

#include <cmath>
#include <limits>

#include "catch.h"
#include "stats/random.h"

using namespace pastonly;

namespace {

constexpr double unseen = std::numeric_limits<double>::quiet_NaN();

/// One treated run among controls: what each shows.
stats::MatchedStratum one_treated(std::vector<double> values) {
  return {1, values.size(), std::move(values)};
}

}  // namespace

TEST_CASE("the matched permutation test is exact where controls show nothing", "[noise]") {
  CHECK(stats::matched_permutation_p({}, 1) == 1.0);
  const std::vector<stats::MatchedStratum> one{one_treated({2, 0, 0, 0})};
  CHECK(stats::matched_permutation_p(one, 1) == Approx(0.25));
  const std::vector<stats::MatchedStratum> two{one_treated({2, 0, 0, 0}), one_treated({1, 0, 0, 0, 0})};
  CHECK(stats::matched_permutation_p(two, 1) == Approx(0.05));
  // Two treated of five, one of which shows something: it stands among the treated by 2 in 5.
  const std::vector<stats::MatchedStratum> pair{{2, 5, {3, 0, 0, 0, 0, 3, 0, 0, 0, 0}}};
  CHECK(stats::matched_permutation_p(pair, 1) == Approx(0.4));
  const std::vector<stats::MatchedStratum> still{one_treated({0, 0, 0})};
  CHECK(stats::matched_permutation_p(still, 1) == 1.0);
}

TEST_CASE("the matched permutation test draws whom the place allows", "[noise]") {
  // The second treated run cannot be looked at in the first place, which reaches farther.
  const std::vector<stats::MatchedStratum> strata{{2, 4, {5, unseen, 1, 1, 5, 5, 1, 1}}};
  // First place: the treated one of three. Second: the other treated one, of those left.
  CHECK(stats::matched_permutation_p(strata, 1) == Approx(1.0 / 3 * 1.0 / 3).margin(0.01));
}

TEST_CASE("the matched permutation test keeps its level under shared controls and has power", "[noise]") {
  for (const double shift : {0.0, 1.5}) {
    int rejected = 0;
    for (std::uint64_t round = 0; round < 400; ++round) {
      stats::CounterRng rng(round, 9);
      std::vector<stats::MatchedStratum> strata;
      for (int row = 0; row < 4; ++row) {
        constexpr std::size_t treated = 3, members = 11;
        std::vector<double> shown(members);
        for (std::size_t i = 0; i < members; ++i) shown[i] = rng.normal() + (i < treated ? shift : 0.0);
        stats::MatchedStratum& stratum = strata.emplace_back();
        stratum = {treated, members, {}};
        for (std::size_t k = 0; k < treated; ++k)
          stratum.values.insert(stratum.values.end(), shown.begin(), shown.end());
      }
      rejected += stats::matched_permutation_p(strata, round) <= 0.05;
    }
    CAPTURE(shift, rejected);
    // Binomial(400, 0.05) exceeds 36 with probability below 0.1%.
    if (shift == 0.0) CHECK(rejected <= 36);
    if (shift > 0.0) CHECK(rejected > 380);
  }
}

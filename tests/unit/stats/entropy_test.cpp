#include "stats/entropy.h"

#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "catch.h"
#include "stats/random.h"

using namespace pastonly::stats;
using Counts = std::vector<std::uint64_t>;

TEST_CASE("entropies of known counts", "[stats][entropy]") {
  CHECK(plug_in_entropy(Counts{4, 4, 4, 4}) == Approx(2.0));
  CHECK(plug_in_entropy(Counts{3, 1}) == Approx(2.0 - 0.75 * std::log2(3.0)));
  CHECK(miller_madow_entropy(Counts{4, 4, 4, 4}) == Approx(2.0 + 3.0 / (32.0 * std::numbers::ln2)));
}

TEST_CASE("entropies of nothing, one and constant", "[stats][entropy]") {
  for (const Counts& counts : {Counts{}, Counts{0, 0}, Counts{1}, Counts{0, 90, 0}}) {
    CHECK(plug_in_entropy(counts) == 0.0);
    CHECK(miller_madow_entropy(counts) == 0.0);
    CHECK(certified_entropy(counts, 0.05) == 0.0);
  }
  CHECK(certified_entropy(Counts{8, 8}, 0.0) == 0.0);
}

TEST_CASE("certified entropy stays below the truth, and approaches it", "[stats][entropy]") {
  // 16 equally likely values: 4 bits.
  for (const std::size_t draws : {10U, 1000U, 200'000U}) {
    CounterRng rng(3, draws);
    Counts counts(16);
    for (std::size_t i = 0; i < draws; ++i) ++counts[rng.below(16)];
    CHECK(certified_entropy(counts, 0.05) <= 4.0);
    if (draws == 200'000U) CHECK(certified_entropy(counts, 0.05) > 3.85);
  }
}

TEST_CASE("collision entropy is at most Shannon's", "[stats][entropy]") {
  for (const std::vector<double>& p : {std::vector{0.5, 0.5}, {0.9, 0.1}, {0.7, 0.1, 0.1, 0.1}}) {
    double collision = 0.0, shannon = 0.0;
    for (const double share : p) {
      collision += share * share;
      shannon -= share * std::log2(share);
    }
    CHECK(collision_entropy(1.0 - collision) <= shannon + 1e-12);
  }
  // k outcomes alike: both are log2 k.
  for (const double k : {2.0, 8.0, 256.0}) CHECK(collision_entropy(1.0 - 1.0 / k) == Approx(std::log2(k)));
  // Half of the prefixes with 16 outcomes alike and half with one: 2 bits of Shannon's on average, 0.91 here.
  CHECK(collision_entropy(0.5 * (1.0 - 1.0 / 16.0)) == Approx(std::log2(32.0 / 17.0)));
  CHECK(collision_entropy(0.0) == 0.0);
  CHECK_FALSE(std::signbit(collision_entropy(0.0)));
  CHECK(collision_entropy(1.0) == std::numeric_limits<double>::infinity());
  CHECK(collision_entropy(-0.1) == 0.0);
  CHECK(collision_entropy(std::nan("")) == 0.0);
}

#include "stats/bound.h"
#include "unit/audits/toy_audit.h"

using namespace pastonly;

TEST_CASE("leakage-bound of expert choice knows its chunk", "[audits][leakage-bound]") {
  const Ran result = ran(run_check(audits::leakage_bound_check, toy_recipe("expert-choice,k=2,chunk=32")));
  REQUIRE(result.layers.size() == 3);
  for (const LayerFacts& layer : result.layers) {
    REQUIRE(layer.bound);
    CHECK(*layer.bound->chunk == 32);
    CHECK(*layer.bound->capacity_bits == Approx(stats::expert_choice_capacity(8, 2, 32)));
    CHECK(*layer.bound->floor_bits == Approx(stats::expert_choice_floor(8, 2)));
    CHECK_FALSE(layer.bound->vacuous);
    CHECK(layer.bound->applies_to == "expert-choice: this layer's rule");
  }
  CHECK(*measured(result, "experts_per_token", 0) == Approx(2.0));
  CHECK(*measured(result, "future_decided", 1) > 0.3);
  CHECK(*measured(result, "future_reach_max", 1) <= 31.0);
  CHECK(result.claims.empty());
}

TEST_CASE("leakage-bound of a token-wise rule has no capacity", "[audits][leakage-bound]") {
  const Ran result = ran(run_check(audits::leakage_bound_check, toy_recipe("top-k,k=4")));
  const LayerFacts::Bound& bound = *result.layers.front().bound;
  CHECK_FALSE(bound.capacity_bits.has_value());
  CHECK_FALSE(bound.chunk.has_value());
  CHECK(bound.vacuous);  // K = N/2
  CHECK(*bound.floor_bits == 0.0);
  CHECK(*bound.limit_bits == Approx(8.0));
  CHECK_FALSE(measured(result, "future_decided", 0).has_value());
}

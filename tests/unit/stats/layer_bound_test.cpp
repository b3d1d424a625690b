#include "stats/layer_bound.h"

#include <vector>

#include "catch.h"

using namespace pastonly;
using namespace pastonly::stats;

TEST_CASE("nine layers of 16 experts, two per token, 32000 words", "[stats][bound]") {
  const auto bound = expert_choice_bound(16, 2.0, {});
  CHECK(*bound.floor_bits == Approx(5.6147).epsilon(1e-5));
  CHECK_FALSE(bound.capacity_bits.has_value());
  CHECK_FALSE(bound.vacuous);
  const auto totals = bound_totals(std::vector(9, bound), 32000);
  CHECK(*totals.floor_bits == Approx(50.532).epsilon(1e-5));
  CHECK(*totals.limit_bits == Approx(78.273).epsilon(1e-5));
  CHECK_FALSE(totals.capacity_bits.has_value());
  CHECK(*totals.successors_identifiable == 3);
}

TEST_CASE("with a chunk the exact capacity", "[stats][bound]") {
  const auto bound = expert_choice_bound(16, 2.0, 512);
  CHECK(*bound.chunk == 512);
  const auto totals = bound_totals(std::vector(9, bound), {});
  CHECK(*totals.capacity_bits == Approx(77.083).epsilon(1e-5));
  CHECK_FALSE(totals.successors_identifiable.has_value());
}

TEST_CASE("a floor that says nothing is marked so", "[stats][bound]") {
  const auto toy = expert_choice_bound(2, 1.0, 2);
  CHECK(*toy.capacity_bits == Approx(1.0));
  CHECK(*toy.floor_bits == 0.0);
  CHECK(toy.vacuous);
  const auto full = expert_choice_bound(4, 4.0, {});
  CHECK(full.vacuous);
  const auto totals = bound_totals(std::vector{full}, 10);
  CHECK_FALSE(totals.floor_bits.has_value());
  CHECK_FALSE(totals.successors_identifiable.has_value());
  CHECK(*bound_totals(std::vector{expert_choice_bound(4, 3.0, {})}, 10).successors_identifiable == 0);
}

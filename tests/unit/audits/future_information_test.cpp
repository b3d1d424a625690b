#include <cmath>

#include "comparison/resampled_futures.h"
#include "stats/interval.h"
#include "unit/audits/toy_audit.h"

using namespace pastonly;

namespace {

toy::Recipe with_futures(std::string rule, std::uint64_t seed = 1) {
  toy::Recipe recipe = toy_recipe(std::move(rule), seed);
  change_single_rows(recipe, {37});
  return recipe;
}

}  // namespace

TEST_CASE("future-information certifies bits of expert choice", "[audits][future-information]") {
  const Ran result =
      ran(run_check(audits::future_information_check, with_futures("expert-choice,k=2,chunk=32")));
  const Claim* claim = find_claim(result, "routing-leak");
  CHECK(rejects(claim, {}, 0.0));
  // Eight rows, one prefix each, two futures: at best the limit of 8 out of 8.
  CHECK(*claim->amount->lower <= -std::log2(1.0 - stats::clopper_pearson_lower(8, 8, 0.05)) + 1e-12);
  CHECK(claim->amount->samples == 8);
  CHECK(claim->amount->name == "collision_information");
  CHECK_FALSE(measured(result, "future_information"));
  CHECK(claim->amount->unit == "bits per prefix");
  CHECK(claim->witness.find("type") != nullptr);
  REQUIRE(result.layers.size() == 3);
  CHECK(result.layers[0].leak->bits >= *result.layers[0].leak->lower);
}

TEST_CASE("future-information finds nothing in causal rules", "[audits][future-information]") {
  for (const char* rule : {"top-k,k=2", "token-major-capacity,k=2,capacity=96"}) {
    const Ran result = ran(run_check(audits::future_information_check, with_futures(rule)));
    CHECK_FALSE(rejects(find_claim(result, "routing-leak"), {}, 0.0));
    CHECK(*measured(result, "collision_information") == 0.0);
  }
}

TEST_CASE("future-information of many futures counts routings", "[audits][future-information]") {
  toy::Recipe recipe = with_futures("expert-choice,k=2,chunk=32");
  recipe.plan.sequences = 2;
  recipe.plan.rows.resize(2);
  recipe.plan.resamples = comparison::many_futures;
  const Ran result = ran(run_check(audits::future_information_check, recipe));
  const Claim* claim = find_claim(result, "routing-leak");
  CHECK(claim->amount->samples == comparison::many_futures);  // 16 pairs in each of two prefixes
  CHECK(claim->amount->name == "future_information");
  CHECK(claim->amount->value > 2.0);
  CHECK(claim->amount->value <= 5.8);  // log2 of 32 futures, and the correction
  CHECK(*claim->amount->lower < claim->amount->value);
}

TEST_CASE("future-information does without what it lacks", "[audits][future-information]") {
  toy::Recipe single = with_futures("top-k,k=2");
  single.plan.resamples = 1;
  CHECK(std::holds_alternative<Skipped>(run_check(audits::future_information_check, single)));
  // Chance in every layer hides the future.
  CHECK(std::holds_alternative<Skipped>(
      run_check(audits::future_information_check, with_futures("random-token,k=2,capacity=64"))));
  // Without repeats, rows that were left alone exclude chance; in a batch of one row nothing does.
  for (const std::size_t sequences : {8, 1}) {
    toy::Recipe unrepeated = toy_recipe("expert-choice,k=2,chunk=32");
    unrepeated.plan.sequences = sequences;
    unrepeated.plan.repeats = 0;
    change_single_rows(unrepeated, {37});
    CHECK(rejects(find_claim(ran(run_check(audits::future_information_check, unrepeated)), "routing-leak"),
                  {}, 0.0) == (sequences > 1));
  }
}

TEST_CASE("one prefix of each row is kept", "[audits][future-information]") {
  toy::Recipe recipe = toy_recipe("top-k,k=2");
  change_single_rows(recipe, {19, 37, 53});
  auto subject = toy::ToySubject::make(recipe);
  REQUIRE(subject);
  evidence::Observations observations(**subject);
  const auto prefixes = comparison::independent_prefixes(observations, observations.base()->layout);
  REQUIRE(prefixes.size() == 8);
  for (std::size_t row = 0; row < 8; ++row) {
    CHECK(prefixes[row].row == row);
    CHECK(prefixes[row].cut == 53);
    CHECK(prefixes[row].futures.size() == 2);
  }
}

// How often the statistical checks err. Hidden from the default run; docs/checks quotes the figures:
//   build/tests/pastonly_unit "[.rates]"

#include <fmt/format.h>

#include <cmath>
#include <functional>

#include "stats/interval.h"
#include "stats/random.h"
#include "unit/audits/toy_audit.h"

using namespace pastonly;

namespace {

constexpr std::uint64_t trial_count = 200;

/// Runs the check on `trial_count` models and batches; how many would be findings at level 0.05.
std::uint64_t findings(std::string_view what, const Check& check, std::string_view claim,
                       const Policy& policy, double limit,
                       const std::function<toy::Recipe(std::uint64_t)>& recipe) {
  std::uint64_t found = 0;
  for (std::uint64_t seed = 1; seed <= trial_count; ++seed) {
    const Ran result = ran(run_check(check, recipe(seed), policy));
    found += rejects(find_claim(result, claim), policy, limit) ? 1 : 0;
  }
  const auto interval = stats::clopper_pearson(found, trial_count, 0.05);
  fmt::print("{:<20} {:<44} {:>3} of {} ({:.3f} to {:.3f})\n", check.id, what, found, trial_count,
             interval.lower, interval.upper);
  return found;
}

/// More than this many of 200 would show, at 0.1%, a level above 0.05.
constexpr std::uint64_t most_false = 20;

toy::Recipe single_trace(std::string rule, std::uint64_t seed, std::size_t rows, std::size_t positions) {
  toy::Recipe recipe = toy_recipe(std::move(rule), seed);
  recipe.plan.plan = false;
  recipe.plan.sequences = rows;
  recipe.plan.positions = positions;
  return recipe;
}

}  // namespace

TEST_CASE("rates of source-floor", "[.rates][source-floor]") {
  const auto rate = [](std::string_view what, double leak, double sharpness) {
    return findings(what, audits::source_floor_check, "unproven-gain", uniform_policy(), 0.0,
                    [&](std::uint64_t seed) {
                      toy::Recipe recipe = single_trace("top-k,k=2", seed, 8, 128);
                      recipe.model.log_probs = toy::ModelRecipe::LogProbs{sharpness, leak};
                      return recipe;
                    });
  };
  CHECK(rate("causal, near the source", 0.0, 0.05) <= most_false);
  CHECK(rate("causal, confident", 0.0, 0.3) <= most_false);
  rate("0.025% of the mass on the next token", 0.00025, 0.05);
  rate("0.05% of the mass on the next token", 0.0005, 0.05);
  rate("0.1% of the mass on the next token", 0.001, 0.05);
}

TEST_CASE("rates of future-decoding", "[.rates][future-decoding]") {
  const auto rate = [](std::string_view what, const char* rule, double leak) {
    return findings(what, audits::future_decoding_check, "unproven-gain", uniform_policy(), 0.0,
                    [&](std::uint64_t seed) {
                      toy::Recipe recipe = single_trace(rule, seed, 16, 64);
                      if (leak > 0.0) {
                        recipe.model.weak_leak =
                            toy::ModelRecipe::WeakLeak{1, leak, toy::ModelRecipe::WeakLeak::Kind::next_token};
                      }
                      return recipe;
                    });
  };
  CHECK(rate("top-k", "top-k,k=2", 0.0) <= most_false);
  CHECK(rate("first come, capped", "token-major-capacity,k=2,capacity=200", 0.0) <= most_false);
  rate("next token in 25% of choices of a layer", "top-k,k=2", 0.25);
  rate("next token in 50% of choices of a layer", "top-k,k=2", 0.5);
  rate("expert choice, chunk 8", "expert-choice,k=2,chunk=8", 0.0);
}

TEST_CASE("rates of future-information", "[.rates][future-information]") {
  const auto rate = [](std::string_view what, const char* rule, double rounding, double leak) {
    return findings(what, audits::future_information_check, "routing-leak", {}, 0.0, [&](std::uint64_t seed) {
      toy::Recipe recipe = toy_recipe(rule, seed);
      recipe.model.layers = 2;
      recipe.model.rounding = rounding;
      if (leak > 0.0) {
        recipe.model.weak_leak = toy::ModelRecipe::WeakLeak{0, leak, toy::ModelRecipe::WeakLeak::Kind::swap};
      }
      change_single_rows(recipe, {37});
      return recipe;
    });
  };
  CHECK(rate("top-k", "top-k,k=2", 0.0, 0.0) <= most_false);
  CHECK(rate("top-k with rounding 2e-7", "top-k,k=2", 2e-7, 0.0) <= most_false);
  CHECK(rate("first come, capped", "token-major-capacity,k=2,capacity=110", 0.0, 0.0) <= most_false);
  rate("1% of decisions swapped", "top-k,k=2", 0.0, 0.01);
  rate("3% of decisions swapped", "top-k,k=2", 0.0, 0.03);
  rate("expert choice, chunk 32", "expert-choice,k=2,chunk=32", 0.0, 0.0);
}

TEST_CASE("rates of capacity-drops", "[.rates][capacity-drops]") {
  // Per-sequence capacity on rows of their own: rates of rows are alike, as the test assumes. The limit
  // is the rate that 400 rows of other seeds have on average.
  double sum = 0.0;
  const auto recipe = [](std::uint64_t seed, const char* rule) {
    toy::Recipe made = single_trace(rule, 1, 32, 64);
    made.model.layers = 1;
    made.plan.seed = seed;
    return made;
  };
  const char* rule = "token-major-capacity,k=2,capacity=18,scope=sequence";
  for (std::uint64_t seed = 5001; seed <= 5100; ++seed) {
    sum += *measured(ran(run_check(audits::capacity_drops_check, recipe(seed, rule))), "drop_rate", 0);
  }
  Policy policy;
  for (const auto& [what, share] : {std::pair{"rate at the limit", 1.0},
                                    {"rate 1.1 times the limit", 1.1},
                                    {"rate 1.5 times the limit", 1.5}}) {
    policy.limits.drop_rate = sum / 100.0 / share;
    const auto found =
        findings(what, audits::capacity_drops_check, "drop-rate", policy, policy.limits.drop_rate,
                 [&](std::uint64_t seed) { return recipe(seed, rule); });
    if (share == 1.0) CHECK(found <= most_false);
  }
}

TEST_CASE("rates of gate-separation", "[.rates][gate-separation]") {
  using Gates = toy::ModelRecipe::Gates;
  const auto rate = [](std::string_view what, Gates gates, DType type, double spread) {
    return findings(what, audits::gate_separation_check, "biased-gate", {}, 0.0, [&](std::uint64_t seed) {
      stats::CounterRng rng(seed, 99);
      std::string bias;
      for (int e = 0; e < 8; ++e)
        bias += fmt::format("{}{:.6f}", e == 0 ? "" : ";", spread * (rng.uniform() - 0.5));
      toy::Recipe recipe = single_trace(fmt::format("biased-top-k,k=2,bias=[{}]", bias), seed, 8, 64);
      recipe.model.layers = 2;
      recipe.model.score = toy::ModelRecipe::Score::sigmoid;
      recipe.model.gates = gates;
      recipe.record.type = type;
      return recipe;
    });
  };
  CHECK(rate("raw gates, F32", Gates::raw, DType::f32, 0.2) == 0);
  CHECK(rate("renormalised gates, F32", Gates::renormalised, DType::f32, 0.2) == 0);
  CHECK(rate("renormalised gates, BF16", Gates::renormalised, DType::bf16, 0.2) == 0);
  rate("biased gates, F32, spread 0.2", Gates::biased, DType::f32, 0.2);
  rate("biased gates, F32, spread 0.002", Gates::biased, DType::f32, 0.002);
  rate("biased gates, BF16, spread 0.2", Gates::biased, DType::bf16, 0.2);
}

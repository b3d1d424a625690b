// Measures how the checks that rest on interventions answer under noise, and prints a table in Markdown:
// of the causal models, how many each check accuses with 1, 2, 4 and 8 repeats (and leaves undecided over
// all), and of models with a planted leak, how many causal-mask finds. docs/checks/causal-mask.md quotes it.
//
//     pastonly_toy_noise_rates [MODELS_PER_CELL [FIRST_SEED [NOISE [DRAWS]]]]
//
// NOISE: this one alone. DRAWS: only what is found of it where each cut and row has so many futures, not 2.

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <string>
#include <vector>

#include "audits/checks.h"
#include "evidence/observations.h"
#include "pastonly/names.h"
#include "pastonly/policy.h"
#include "stats/interval.h"
#include "stats/random.h"
#include "toy/subject.h"

using namespace pastonly;

namespace {

/// What a plan directory would hold of the toy: no further questions.
class AsRecorded : public Subject {
 public:
  explicit AsRecorded(Subject& subject) : subject_(subject) {}
  const SubjectInfo& info() const noexcept override { return subject_.info(); }
  Capabilities capabilities() const noexcept override {
    Capabilities can = subject_.capabilities();
    can.live = can.reroute = can.fresh = false;
    return can;
  }
  const std::vector<Intervention>& interventions() const noexcept override {
    return subject_.interventions();
  }
  const std::vector<Intervention>& missing() const noexcept override { return subject_.missing(); }
  Expected<Trace> observe(const Intervention& run) override { return subject_.observe(run); }

 private:
  Subject& subject_;
};

struct Noise {
  std::string name;
  toy::Noise noise;
  std::string rule = "top-k,k=2";
};

std::vector<Noise> noises() {
  std::vector<Noise> out;
  out.push_back({"none", {}});
  for (const double size : {1e-7, 1e-5, 1e-3, 1e-2}) {
    Noise& one = out.emplace_back();
    one.name = fmt::format("jitter {:g}", size);
    one.noise.jitter = size;
  }
  for (const double share : {1e-5, 1e-4, 1e-3, 1e-2, 1e-1}) {
    Noise& one = out.emplace_back();
    one.name = fmt::format("exploration {:g}", share);
    one.noise.exploration = share;
  }
  out.push_back({"noisy-top-k", {}, "noisy-top-k,k=2"});
  out.push_back({"random second choice", {}, "gshard-top-2(random-second),capacity_factor=2"});
  Noise moving{"bias moves between runs", {}};
  moving.noise.moving_bias = 0.1;
  out.push_back(moving);
  Noise grouped{"bfloat16 products", {}};
  grouped.noise.bf16 = true;
  out.push_back(grouped);
  Noise placed{"dropout by place", {}};
  placed.noise.dropout = 0.1;
  out.push_back(placed);
  return out;
}

toy::Recipe recipe_of(std::uint64_t seed, const Noise& noise, std::size_t repeats) {
  stats::CounterRng rng(seed, 3);
  toy::Recipe recipe;
  toy::ModelRecipe& model = recipe.model;
  model.seed = seed;
  model.experts = std::size_t{4} << rng.below(3);
  model.sharpness = 0.5 + 2.0 * rng.uniform();
  model.log_probs.emplace();
  model.rules = {noise.rule};
  model.noise = noise.noise;
  recipe.plan.seed = seed;
  recipe.plan.sequences = 4 + rng.below(3);
  recipe.plan.positions = 64;
  recipe.plan.repeats = repeats;
  recipe.plan.cut_count = 8;
  recipe.plan.batch = {{0}};
  recipe.plan.append = {1};
  return recipe;
}

enum Answer { silent, undecided, accused };

Answer answer_of(const Check& check, Subject& subject) {
  evidence::Observations observations(subject);
  const Policy policy;
  const Outcome outcome = check.run({observations, policy, 0});
  const auto* ran = std::get_if<Ran>(&outcome);
  if (!ran) std::abort();
  Answer out = silent;
  for (const Claim& claim : ran->claims) {
    if (claim.id == claim::unsettled) out = std::max(out, undecided);
    const bool dependence = !claim::is_about_noise(claim.id);
    if (dependence && claim.p_value.value_or(0.0) <= policy.alpha) out = accused;
  }
  return out;
}

constexpr std::size_t repeat_counts[] = {1, 2, 4, 8};
constexpr double leak_sizes[] = {0.3, 0.1, 0.03, 0.01, 0.003, 0.001};

Answer audited(const Check& check, const toy::Recipe& recipe) {
  const auto subject = toy::ToySubject::make(recipe);
  if (!subject) std::exit(2);
  AsRecorded recorded(**subject);
  return answer_of(check, recorded);
}

/// Causal models accused, for each number of repeats, and undecided over all of them: "0 1 0 0 (3)".
std::string false_alarms(const Check& check, const Noise& noise, std::size_t models, std::uint64_t first_seed,
                         std::size_t& alarms) {
  std::string out;
  std::size_t open = 0;
  for (const std::size_t repeats : repeat_counts) {
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < models; ++i) {
      const Answer answer = audited(check, recipe_of(first_seed + i, noise, repeats));
      wrong += answer == accused;
      open += answer == undecided;
    }
    alarms += wrong;
    out += fmt::format("{} ", wrong);
  }
  return out + fmt::format("({})", open);
}

/// Planted leaks found with 2 repeats, at each share of decisions touched.
std::string power(const Noise& noise, std::size_t models, std::uint64_t first_seed, std::size_t draws = 2) {
  std::string out;
  for (const double size : leak_sizes) {
    std::size_t found = 0;
    for (std::size_t i = 0; i < models; ++i) {
      toy::Recipe recipe = recipe_of(first_seed + i, noise, 2);
      recipe.plan.resamples = draws;
      recipe.model.weak_leak = toy::WeakLeak{1, size, toy::WeakLeak::Kind::swap};
      found += audited(audits::causal_mask_check, recipe) == accused;
    }
    out += fmt::format(" | {}", found);
  }
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  const auto argument = [&](int index, std::uint64_t fallback) {
    return argc > index ? std::strtoull(argv[index], nullptr, 10) : fallback;
  };
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  const std::size_t models = argument(1, 20);
  const std::uint64_t first_seed = argument(2, 1);
  constexpr const Check* axes[] = {&audits::causal_mask_check, &audits::batch_isolation_check,
                                   &audits::order_invariance_check, &audits::length_invariance_check};
  std::size_t alarms[std::size(axes)] = {}, audits = 0;
  std::string heads, rules;
  for (const double size : leak_sizes) {
    heads += fmt::format(" | {:g}%", 100.0 * size);
    rules += "---|";
  }
  fmt::print("| noise | causal-mask | batch-isolation | order-invariance | length-invariance{} |\n", heads);
  fmt::print("|---|---|---|---|---|{}\n", rules);
  for (const Noise& noise : noises()) {
    if (argc > 3 && noise.name != argv[3]) continue;
    if (argc > 4) {
      const std::size_t draws = argument(4, 2);
      fmt::print("| {}, {} draws{} |\n", noise.name, draws, power(noise, models, first_seed, draws));
      return 0;
    }
    fmt::print("| {}", noise.name);
    audits += models * std::size(repeat_counts);
    for (std::size_t a = 0; a < std::size(axes); ++a)
      fmt::print(" | {}", false_alarms(*axes[a], noise, models, first_seed, alarms[a]));
    fmt::print("{} |\n", power(noise, models, first_seed));
  }
  fmt::print("| all");
  for (const std::size_t wrong : alarms) {
    const double upper = stats::clopper_pearson(wrong, audits, 0.05).upper;
    fmt::print(" | {} of {}, below {:.1f}%", wrong, audits, 100.0 * upper);
  }
  for (std::size_t i = 0; i < std::size(leak_sizes); ++i) fmt::print(" |");
  fmt::print(" |\n");
  return 0;
}

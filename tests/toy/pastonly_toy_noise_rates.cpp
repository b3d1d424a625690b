// Measures how the checks that rest on interventions answer under noise: how often they accuse causal models
// (false alarms), and how often they find planted leaks (power), for noise of every kind and 1 to 8 repeats.
// docs/checks/causal-mask.md quotes its output.
//
//     pastonly_toy_noise_rates [MODELS_PER_CELL [FIRST_SEED]]

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
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

const Check* const axes[] = {&audits::causal_mask_check, &audits::batch_isolation_check,
                             &audits::order_invariance_check, &audits::length_invariance_check};

void false_alarms(std::size_t models, std::uint64_t first_seed) {
  fmt::print("causal models accused (undecided) of {} each\n{:<26} {:>7}", models, "noise", "repeats");
  for (const Check* check : axes) fmt::print(" {:>18}", check->id);
  fmt::print("\n");
  std::size_t audits[4] = {}, alarms[4] = {};
  for (const Noise& noise : noises()) {
    for (const std::size_t repeats : {1U, 2U, 4U, 8U}) {
      fmt::print("{:<26} {:>7}", noise.name, repeats);
      for (std::size_t a = 0; a < 4; ++a) {
        std::size_t wrong = 0, open = 0;
        for (std::size_t i = 0; i < models; ++i) {
          const auto subject = toy::ToySubject::make(recipe_of(first_seed + i, noise, repeats));
          if (!subject) std::exit(2);
          AsRecorded recorded(**subject);
          const Answer answer = answer_of(*axes[a], recorded);
          wrong += answer == accused;
          open += answer == undecided;
        }
        audits[a] += models;
        alarms[a] += wrong;
        fmt::print(" {:>18}", fmt::format("{} ({})", wrong, open));
      }
      fmt::print("\n");
    }
  }
  fmt::print("{:<34}", "all");
  for (std::size_t a = 0; a < 4; ++a) {
    const auto rate = stats::clopper_pearson(alarms[a], audits[a], 0.05);
    fmt::print(" {:>18}", fmt::format("{}/{} <{:.1f}%", alarms[a], audits[a], 100.0 * rate.upper));
  }
  fmt::print("\n");
}

void power(std::size_t models, std::uint64_t first_seed) {
  constexpr double sizes[] = {0.3, 0.1, 0.03, 0.01, 0.003, 0.001};
  fmt::print("\nleaks found by causal-mask with 2 repeats, of {}: share of decisions touched\n{:<26}", models,
             "noise");
  for (const double size : sizes) fmt::print(" {:>7}", size);
  fmt::print("\n");
  std::vector<Noise> all = noises();
  all.insert(all.begin(), Noise{"none", {}});
  for (const Noise& noise : all) {
    fmt::print("{:<26}", noise.name);
    for (const double size : sizes) {
      std::size_t found = 0;
      for (std::size_t i = 0; i < models; ++i) {
        toy::Recipe recipe = recipe_of(first_seed + i, noise, 2);
        recipe.model.weak_leak = toy::WeakLeak{1, size, toy::WeakLeak::Kind::swap};
        const auto subject = toy::ToySubject::make(recipe);
        if (!subject) std::exit(2);
        AsRecorded recorded(**subject);
        found += answer_of(audits::causal_mask_check, recorded) == accused;
      }
      fmt::print(" {:>7}", found);
    }
    fmt::print("\n");
  }
}

}  // namespace

int main(int argc, char** argv) {
  const auto argument = [&](int index, std::uint64_t fallback) {
    return argc > index ? std::strtoull(argv[index], nullptr, 10) : fallback;
  };
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  false_alarms(argument(1, 20), argument(2, 1));
  power(argument(1, 20), argument(2, 1));
  return 0;
}

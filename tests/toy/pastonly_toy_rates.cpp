// Measures how often causal-mask and batch-isolation accuse causal models (false alarms) and find planted
// leaks (power). docs/checks/causal-mask.md and batch-isolation.md quote its output.
//
//     pastonly_toy_rates [CAUSAL_MODELS_PER_RULE [LEAKY_MODELS_PER_CELL [FIRST_SEED]]]

#include <fmt/format.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "checks.h"
#include "pastonly/policy.h"
#include "stats/interval.h"
#include "stats/random.h"
#include "subject/evidence.h"
#include "toy/subject.h"

using namespace pastonly;

namespace {

struct Kind {
  const char* name;
  std::string (*rule)(stats::CounterRng&, std::size_t experts, std::size_t k);
  bool blind_to_batch;
};

std::string number(std::size_t n) { return std::to_string(n); }

const Kind kCausal[] = {
    {"top-k", [](stats::CounterRng&, std::size_t, std::size_t k) { return "top-k,k=" + number(k); }, true},
    {"biased-top-k",
     [](stats::CounterRng& rng, std::size_t experts, std::size_t k) {
       std::string bias;
       for (std::size_t e = 0; e < experts; ++e)
         bias += (e ? ";" : "") + fmt::format("{:.4f}", 0.2 * rng.normal());
       return "biased-top-k,k=" + number(k) + ",bias=[" + bias + "]";
     },
     true},
    {"group-limited-top-k",
     [](stats::CounterRng&, std::size_t experts, std::size_t k) {
       return fmt::format("group-limited-top-k,k={},groups={},topk_groups=1", std::min(k, experts / 2), 2);
     },
     true},
    {"expert-choice(streaming)",
     [](stats::CounterRng&, std::size_t, std::size_t k) {
       return "expert-choice(streaming),scope=sequence,chunk=16,k=" + number(k);
     },
     true},
    {"fixed-capacity",
     [](stats::CounterRng&, std::size_t experts, std::size_t) {
       return "fixed-capacity,capacity=" + number(48 / experts + 1);
     },
     true},
    {"token-major-capacity",
     [](stats::CounterRng&, std::size_t, std::size_t k) {
       return "token-major-capacity,capacity_factor=1.0,k=" + number(k);
     },
     false},
};

toy::Recipe recipe_of(std::uint64_t seed, const Kind* kind) {
  stats::CounterRng rng(seed, 3);
  toy::Recipe recipe;
  toy::ModelRecipe& model = recipe.model;
  model.seed = seed;
  model.experts = std::size_t{4} << rng.below(3);
  model.score = rng.below(2) ? toy::ModelRecipe::Score::softmax : toy::ModelRecipe::Score::sigmoid;
  model.gates = rng.below(2) ? toy::ModelRecipe::Gates::raw : toy::ModelRecipe::Gates::renormalised;
  model.sharpness = 0.5 + 2.0 * rng.uniform();
  model.rounding = 2e-7;
  model.log_probs.emplace();
  const std::size_t k = 1 + rng.below(model.experts / 2);
  model.rules = {kind ? kind->rule(rng, model.experts, k) : "top-k,k=" + number(k)};
  recipe.plan.seed = seed;
  recipe.plan.sequences = 2 + rng.below(4);
  recipe.plan.positions = 48 + rng.below(33);
  recipe.plan.batch = {{0}};
  return recipe;
}

/// Whether a check claims a dependence.
bool accuses(const Check& check, Subject& subject) {
  Evidence evidence(subject);
  const Policy policy;
  const Outcome outcome = check.run({evidence, policy, 0});
  const auto* ran = std::get_if<Ran>(&outcome);
  if (!ran) std::abort();
  for (const Claim& claim : ran->claims) {
    if (claim.id == "flip" || claim.id == "change" || claim.id == "future-or-batch") return true;
  }
  return false;
}

void false_alarms(std::size_t models, std::uint64_t first_seed) {
  fmt::print("false alarms: random causal models with rounding noise of 2e-7\n");
  fmt::print("{:<26} {:>7} {:>12} {:>16}\n", "rule", "models", "causal-mask", "batch-isolation");
  std::size_t total = 0, future = 0, batch_total = 0, batch = 0;
  for (const Kind& kind : kCausal) {
    std::size_t own_future = 0, own_batch = 0;
    for (std::size_t i = 0; i < models; ++i) {
      const auto recipe = recipe_of(first_seed + i, &kind);
      const auto subject = toy::ToySubject::make(recipe);
      if (!subject) {
        fmt::print("{}: {}\n", kind.name, subject.error().message);
        std::exit(2);
      }
      own_future += accuses(causal_mask_check, **subject);
      if (kind.blind_to_batch) own_batch += accuses(batch_isolation_check, **subject);
    }
    fmt::print("{:<26} {:>7} {:>12} {:>16}\n", kind.name, models, own_future,
               kind.blind_to_batch ? number(own_batch) : "depends on it");
    total += models;
    future += own_future;
    batch_total += kind.blind_to_batch ? models : 0;
    batch += own_batch;
  }
  fmt::print("all: causal-mask {} of {} (below {:.2g} at 95%), batch-isolation {} of {} (below {:.2g})\n",
             future, total, stats::clopper_pearson_upper(future, total, 0.05), batch, batch_total,
             stats::clopper_pearson_upper(batch, batch_total, 0.05));
}

void power(std::size_t models, std::uint64_t first_seed, toy::ModelRecipe::WeakLeak::Kind kind,
           const Check& check) {
  fmt::print("\npower of {}: one decision in 1/p touched by {}, {} models each\n", check.id,
             kind == toy::ModelRecipe::WeakLeak::Kind::batch ? "other rows" : "later tokens", models);
  fmt::print("{:>8} {:>8} {:>8} {:>8} {:>8}\n", "p", "4 runs", "8 runs", "16 runs", "32 runs");
  for (const double p : {0.0003, 0.001, 0.003, 0.01, 0.03}) {
    fmt::print("{:>8}", p);
    for (const std::size_t runs : {1, 2, 4, 8}) {
      std::size_t found = 0;
      for (std::size_t i = 0; i < models; ++i) {
        toy::Recipe recipe = recipe_of(first_seed + i, nullptr);
        recipe.model.weak_leak = toy::ModelRecipe::WeakLeak{1, p, kind};
        recipe.plan.sequences = 4;
        recipe.plan.rows = {{false, {0}}};
        recipe.plan.resamples = runs;
        recipe.plan.batch.clear();
        const auto subject = toy::ToySubject::make(recipe);
        if (!subject) std::exit(2);
        found += accuses(check, **subject);
      }
      fmt::print(" {:>7.0f}%", 100.0 * static_cast<double>(found) / static_cast<double>(models));
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
  const std::uint64_t seed = argument(3, 1);
  false_alarms(argument(1, 200), seed);
  power(argument(2, 40), seed, toy::ModelRecipe::WeakLeak::Kind::swap, causal_mask_check);
  power(argument(2, 40), seed, toy::ModelRecipe::WeakLeak::Kind::batch, batch_isolation_check);
  return 0;
}

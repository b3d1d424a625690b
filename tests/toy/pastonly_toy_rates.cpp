// Measures how often the checks that rest on interventions accuse models that do not depend on what they look
// at (false alarms) and find planted dependence (power), and whether the checks that apply a rule again
// move nothing under rules that look at a token alone. Pages of docs/checks quote its output.
//
//     pastonly_toy_rates [CAUSAL_MODELS_PER_RULE [LEAKY_MODELS_PER_CELL [FIRST_SEED]]]

#include <fmt/format.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "audits/checks.h"
#include "evidence/observations.h"
#include "pastonly/policy.h"
#include "stats/interval.h"
#include "stats/random.h"
#include "toy/subject.h"

using namespace pastonly;

namespace {

struct Kind {
  const char* name;
  std::string (*rule)(stats::CounterRng&, std::size_t experts, std::size_t k);
  bool blind_to_batch;
};

std::string number(std::size_t n) { return std::to_string(n); }

const Kind causal_setups[] = {
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
  evidence::Observations observations(subject);
  const Policy policy;
  const Outcome outcome = check.run({observations, policy, 0});
  const auto* ran = std::get_if<Ran>(&outcome);
  if (!ran) std::abort();
  for (const Claim& claim : ran->claims) {
    if (claim.id == "flip" || claim.id == "change" || claim.id == "future-or-batch") return true;
  }
  return false;
}

/// Checks whose axis a rule may be blind to; causal-mask's every rule here is.
struct Axis {
  const Check* check;
  bool future;
  std::size_t audits = 0, alarms = 0;
};

void false_alarms(std::size_t models, std::uint64_t first_seed) {
  fmt::print("false alarms: random causal models with rounding noise of 2e-7\n{:<26} {:>7}", "rule",
             "models");
  Axis axes[] = {{&audits::causal_mask_check, true},
                 {&audits::batch_isolation_check, false},
                 {&audits::order_invariance_check, false},
                 {&audits::length_invariance_check, false}};
  for (const Axis& axis : axes) fmt::print(" {:>18}", axis.check->id);
  fmt::print("\n");
  for (const Kind& kind : causal_setups) {
    std::size_t own[std::size(axes)] = {};
    for (std::size_t i = 0; i < models; ++i) {
      auto recipe = recipe_of(first_seed + i, &kind);
      recipe.plan.append = {7};
      const auto subject = toy::ToySubject::make(recipe);
      if (!subject) {
        fmt::print("{}: {}\n", kind.name, subject.error().message);
        std::exit(2);
      }
      for (std::size_t a = 0; a < std::size(axes); ++a) {
        if (axes[a].future || kind.blind_to_batch) own[a] += accuses(*axes[a].check, **subject);
      }
    }
    fmt::print("{:<26} {:>7}", kind.name, models);
    for (std::size_t a = 0; a < std::size(axes); ++a) {
      const bool blind = axes[a].future || kind.blind_to_batch;
      fmt::print(" {:>18}", blind ? number(own[a]) : "depends on it");
      axes[a].audits += blind ? models : 0;
      axes[a].alarms += own[a];
    }
    fmt::print("\n");
  }
  for (const Axis& axis : axes) {
    fmt::print("{}: {} of {}, below {:.2g} at 95%\n", axis.check->id, axis.alarms, axis.audits,
               stats::clopper_pearson_upper(axis.alarms, axis.audits, 0.05));
  }
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

/// One run alone: an order reversed, tokens appended.
void power_of_one_run(std::size_t models, std::uint64_t first_seed) {
  fmt::print("\npower of one order run and of one length run (7 tokens appended), {} models each\n", models);
  fmt::print("{:>8} {:>18} {:>18}\n", "p", "order-invariance", "length-invariance");
  for (const double p : {0.0003, 0.001, 0.003, 0.01, 0.03}) {
    std::size_t order = 0, length = 0;
    for (std::size_t i = 0; i < models; ++i) {
      toy::Recipe recipe = recipe_of(first_seed + i, nullptr);
      recipe.plan.sequences = 4;
      recipe.plan.append = {7};
      recipe.model.weak_leak = toy::ModelRecipe::WeakLeak{1, p, toy::ModelRecipe::WeakLeak::Kind::batch};
      const auto of_order = toy::ToySubject::make(recipe);
      recipe.model.weak_leak->kind = toy::ModelRecipe::WeakLeak::Kind::swap;
      const auto of_length = toy::ToySubject::make(recipe);
      if (!of_order || !of_length) std::exit(2);
      order += accuses(audits::order_invariance_check, **of_order);
      length += accuses(audits::length_invariance_check, **of_length);
    }
    const auto share = [&](std::size_t found) {
      return 100.0 * static_cast<double>(found) / static_cast<double>(models);
    };
    fmt::print("{:>8} {:>17.0f}% {:>17.0f}%\n", p, share(order), share(length));
  }
}

/// Whether a check that applies the rule again measures that any decision moves; none where it is skipped.
std::optional<bool> moves(const Check& check, Subject& subject) {
  evidence::Observations observations(subject);
  const Policy policy;
  const Outcome outcome = check.run({observations, policy, 0});
  const auto* ran = std::get_if<Ran>(&outcome);
  if (!ran) return std::nullopt;
  bool any = false, moved = false;
  for (const Measurement& measured : ran->measurements) {
    if (measured.name.find("_flip_rate") == std::string::npos) continue;
    any = true;
    moved = moved || measured.value > 0.0;
  }
  return any ? std::optional(moved) : std::nullopt;
}

void applied_again(std::size_t models, std::uint64_t first_seed) {
  static constexpr Kind expert_choice{
      "expert-choice",
      [](stats::CounterRng&, std::size_t, std::size_t k) { return "expert-choice,chunk=16,k=" + number(k); },
      false};
  fmt::print("\nmodels in which decisions move when the rule is applied again (of those assessed)\n");
  fmt::print("{:<26} {:>18} {:>18} {:>18}\n", "rule", "token-shuffle", "chunk-sweep", "forced-causality");
  std::vector<Kind> kinds(std::begin(causal_setups), std::end(causal_setups));
  kinds.push_back(expert_choice);
  for (const Kind& kind : kinds) {
    fmt::print("{:<26}", kind.name);
    for (const Check* check :
         {&audits::token_shuffle_check, &audits::chunk_sweep_check, &audits::forced_causality_check}) {
      std::size_t moved = 0, assessed = 0;
      for (std::size_t i = 0; i < models; ++i) {
        const auto subject = toy::ToySubject::make(recipe_of(first_seed + i, &kind));
        if (!subject) std::exit(2);
        const auto answer = moves(*check, **subject);
        assessed += answer.has_value();
        moved += answer.value_or(false);
      }
      fmt::print(" {:>18}", fmt::format("{} of {}", moved, assessed));
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
  power(argument(2, 40), seed, toy::ModelRecipe::WeakLeak::Kind::swap, audits::causal_mask_check);
  power(argument(2, 40), seed, toy::ModelRecipe::WeakLeak::Kind::batch, audits::batch_isolation_check);
  power_of_one_run(argument(2, 40), seed);
  applied_again(argument(2, 40), seed);
  return 0;
}

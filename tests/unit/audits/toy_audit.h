#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "audits/checks.h"
#include "catch.h"
#include "evidence/observations.h"
#include "pastonly/policy.h"
#include "toy/observe.h"
#include "toy/subject.h"

namespace pastonly {

using toy::find_claim;
using toy::find_measurement;

/// A recipe of one rule for all layers, eight rows of 64 uniform tokens over 64 words.
inline toy::Recipe toy_recipe(std::string rule, std::uint64_t seed = 1) {
  toy::Recipe recipe;
  recipe.model.seed = seed;
  recipe.model.rules = {std::move(rule)};
  recipe.plan.seed = seed + 1000;
  recipe.plan.sequences = 8;
  recipe.plan.positions = 64;
  return recipe;
}

/// Adds suffix runs of single rows: row r alone at each cut, with the recipe's resamples.
inline void change_single_rows(toy::Recipe& recipe, std::vector<std::size_t> cuts) {
  recipe.plan.cuts = std::move(cuts);
  recipe.plan.rows.clear();
  for (std::size_t row = 0; row < recipe.plan.sequences; ++row) recipe.plan.rows.push_back({false, {row}});
  recipe.plan.order = false;
}

inline Policy uniform_policy(std::uint64_t vocab = 64) {
  Policy policy;
  policy.source = Source{"uniform", vocab};
  return policy;
}

inline Outcome run_check(const Check& check, const toy::Recipe& recipe, const Policy& policy = {}) {
  auto subject = toy::ToySubject::make(recipe);
  REQUIRE(subject);
  evidence::Observations observations(**subject);
  return check.run({observations, policy, 0});
}

inline Ran ran(Outcome outcome) {
  if (const auto* error = std::get_if<Error>(&outcome)) FAIL(error->message);
  if (const auto* skipped = std::get_if<Skipped>(&outcome)) FAIL("skipped: " + skipped->reason);
  return std::get<Ran>(std::move(outcome));
}

/// Whether the judge would make a finding of it, were it the only test.
inline bool rejects(const Claim* claim, const Policy& policy, double limit) {
  if (claim == nullptr) return false;
  if (claim->p_value && *claim->p_value > policy.alpha) return false;
  return !claim->amount || claim->amount->lower.value_or(claim->amount->value) > limit;
}

inline std::optional<double> measured(const Ran& result, std::string_view name,
                                      std::optional<std::uint32_t> layer = std::nullopt) {
  const Measurement* found = find_measurement(result, name, layer);
  return found != nullptr ? std::optional(found->value) : std::nullopt;
}

}  // namespace pastonly

#pragma once

#include <string_view>

#include "catch.h"
#include "evidence/observations.h"
#include "pastonly/check.h"
#include "pastonly/policy.h"
#include "toy/subject.h"

namespace pastonly::toy {

/// The subject that a recipe's text describes.
inline std::unique_ptr<ToySubject> subject_of(std::string_view recipe) {
  const auto parsed = parse_recipe(recipe, "recipe");
  if (!parsed) FAIL(parsed.error().message);
  auto subject = ToySubject::make(*parsed);
  if (!subject) FAIL(subject.error().message);
  return std::move(*subject);
}

/// Runs one check on a subject, with default policy values.
inline Ran run_check(const Check& check, Subject& subject, std::uint64_t seed = 0) {
  evidence::Observations observations(subject);
  const Policy policy;
  const Outcome outcome = check.run({observations, policy, seed});
  if (const auto* error = std::get_if<Error>(&outcome)) FAIL(error->message);
  if (const auto* skipped = std::get_if<Skipped>(&outcome)) FAIL("skipped: " << skipped->reason);
  return std::get<Ran>(outcome);
}

inline const Claim* find_claim(const Ran& ran, std::string_view id) {
  for (const Claim& claim : ran.claims) {
    if (claim.id == id) return &claim;
  }
  return nullptr;
}

inline const Measurement* find_measurement(const Ran& ran, std::string_view name,
                                           std::optional<std::uint32_t> layer = std::nullopt) {
  for (const Measurement& measurement : ran.measurements) {
    const bool same_layer =
        layer ? measurement.layer && raw(*measurement.layer) == *layer : !measurement.layer;
    if (measurement.name == name && same_layer) return &measurement;
  }
  return nullptr;
}

}  // namespace pastonly::toy

#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "catch.h"
#include "pastonly/routing_rule.h"
#include "stats/random.h"

/// The rule that a text names: "expert-choice,chunk=8".
inline std::unique_ptr<pastonly::RoutingRule> made(std::string_view text) {
  const auto spec = pastonly::parse_rule(text);
  REQUIRE(spec.has_value());
  auto rule = pastonly::make_rule(spec->id, spec->parameters);
  INFO((rule ? "" : rule.error().message));
  REQUIRE(rule.has_value());
  return *std::move(rule);
}

/// Uniform in [0, 1).
inline std::vector<float> random_scores(std::size_t count, std::uint64_t seed) {
  pastonly::stats::CounterRng rng(seed);
  std::vector<float> scores(count);
  for (float& score : scores) score = static_cast<float>(rng.uniform());
  return scores;
}

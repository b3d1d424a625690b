#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "pastonly/outcome.h"
#include "pastonly/routing_rule.h"

namespace pastonly::routing {

/// Whether a rule as reports write it, "top-k,k=2", is the one of that id.
bool names_rule(std::string_view rule, std::string_view id);
/// The causal rule that any model can be routed by, as reports write it.
std::string top_k_rule(std::int64_t k);

/// Whether a rule lists the key among its parameters.
bool takes(const RuleInfo& info, std::string_view key);

/// The fixed number of experts that each token asks for, where the rule is a token choice with such a
/// number: then what is missing from a dispatched mask has been dropped.
std::optional<std::uint64_t> asked_experts(const LayerFacts::Rule& rule);

/// Tokens routed together where the rule is expert choice with a known chunk.
std::optional<std::uint64_t> expert_choice_chunk(const LayerFacts::Rule& rule);

/// Whether the mask can carry one bit per token: whether its second choice found a place.
bool carries_second_choice(const LayerFacts::Rule& rule);

/// To which rule the expert-choice bound applies, and what this layer's own mask can carry.
std::string bound_applies_to(const LayerFacts::Rule& rule);

/// What to say of an id that no rule has: "; did you mean top-k?", or where the rules are listed.
std::string instead_of_unknown(std::string_view id);

}  // namespace pastonly::routing

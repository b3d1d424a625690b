#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "pastonly/outcome.h"

namespace pastonly {

/// The fixed number of experts that each token asks for, where the rule is a token choice with such a
/// number: then what is missing from a dispatched mask has been dropped.
std::optional<std::uint64_t> asked_experts(const LayerFacts::Rule& rule);

/// Tokens routed together where the rule is expert choice with a known chunk.
std::optional<std::uint64_t> expert_choice_chunk(const LayerFacts::Rule& rule);

/// To which rule the expert-choice bound applies, and what this layer's own mask can carry.
std::string_view bound_applies_to(const LayerFacts::Rule& rule);

}  // namespace pastonly

#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "pastonly/mask.h"
#include "pastonly/routing_rule.h"
#include "pastonly/trace.h"

namespace pastonly::replay {

/// The values that a rule ranked: the recorded scores, or what `ranking` makes of them (a parameter of
/// identified rules); (tokens, experts), batch-major. Requires ranking scores.
std::vector<float> ranked_scores(const Trace& trace, const LayerRecord& layer, std::string_view ranking = {});

/// What the rule decides for a whole batch from these scores, (tokens, experts), batch-major like them.
/// Chance rules draw from `seed`.
Mask select_run(const RoutingRule& rule, const Trace& trace, std::span<const float> scores,
                std::uint64_t seed = 0);

}  // namespace pastonly::replay

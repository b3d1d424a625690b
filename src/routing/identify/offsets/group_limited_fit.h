#pragma once

#include "routing/identify/shared/findings.h"
#include "routing/identify/shared/run_set.h"

namespace pastonly::routing::hypotheses {

/// DeepSeek's group-limited top-k: contiguous groups of experts, the best by their largest score (V2) or
/// by the sum of their two largest (V3), then the k best inside. Finds the groups first, then a bias
/// inside them: the recorded one, or one fitted until every decision agrees. Call after try_top_k and
/// try_offset_rules.
void try_group_limited(const RunSet& runs, Findings& findings);

}  // namespace pastonly::routing::hypotheses

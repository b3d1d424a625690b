#pragma once

#include <cstddef>

#include "pastonly/routing_rule.h"
#include "routing/identify/shared/run_set.h"

namespace pastonly::routing::hypotheses {

/// Whether the rule, applied to the scores of run `i`, gives every decision again.
bool reproduces(const RunSet& runs, std::size_t i, const RoutingRule& rule);
/// The same for all runs.
bool reproduces(const RunSet& runs, const RoutingRule& rule);
/// The same for the first tokens of the first sequence of the first run, alone: enough to refute most rules
/// by which each token depends on what stands before it.
bool reproduces_start(const RunSet& runs, const RoutingRule& rule);

}  // namespace pastonly::routing::hypotheses

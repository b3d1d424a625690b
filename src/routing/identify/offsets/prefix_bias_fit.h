#pragma once

#include "routing/identify/shared/findings.h"
#include "routing/identify/shared/run_set.h"

namespace pastonly::routing::hypotheses {

/// A bias that moves with the loads of the tokens before. The recorded decisions tell how many steps up or
/// down each expert's bias stands at each token, so that every chosen expert bounds the size of a step
/// against every one left out. One size has to serve all of them, and the rule with it is replayed.
void try_prefix_bias(const RunSet& runs, Findings& findings);

}  // namespace pastonly::routing::hypotheses

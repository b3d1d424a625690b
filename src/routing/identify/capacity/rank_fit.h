#pragma once

#include "routing/identify/shared/findings.h"
#include "routing/identify/shared/run_set.h"

namespace pastonly::routing::hypotheses {

/// A capacity that the experts of a rank share, in the order of the experts: for every number of ranks, C
/// is what the fullest rank kept, and the rule is replayed. Where only the last expert of a rank dropped
/// anything, first come, first served explains that as well: both are then listed.
void try_rank_capacity(const RunSet& runs, Findings& findings);

}  // namespace pastonly::routing::hypotheses

#pragma once

#include "routing/identify/shared/findings.h"
#include "routing/identify/shared/run_set.h"

namespace pastonly::routing::hypotheses {

/// Expert choice over the tokens seen so far: kept if the rank among tokens <= t of its chunk is at most
/// ceil(R (t+1)). A chunk's first token goes to every expert, which finds the chunk; every decision
/// then bounds R. Accepts `expert-choice(streaming)` with k = R N (a whole number where one fits).
void try_streaming(const RunSet& runs, Findings& findings);

}  // namespace pastonly::routing::hypotheses

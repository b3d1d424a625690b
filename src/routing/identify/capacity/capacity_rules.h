#pragma once

#include "routing/identify/shared/findings.h"
#include "routing/identify/shared/run_set.h"

namespace pastonly::routing::hypotheses {

/// Token choice with a capacity: an expert takes C of the tokens that chose it. Who they are tells the
/// rules apart: first-come, choice-major, by priority, by score, placed at the next choice, by chance.
/// Call after try_top_k: where plain top-k explains the runs no capacity was ever reached, and all of
/// them are accepted with C bounded below. k is a range where it is open (every expert full).
void try_capacity_rules(const RunSet& runs, Findings& findings);

}  // namespace pastonly::routing::hypotheses

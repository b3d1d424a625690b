#pragma once

#include "routing/identify/shared/findings.h"
#include "routing/identify/shared/run_set.h"

namespace pastonly::routing::hypotheses {

/// First come, first served, with overflow to the next best expert that has room: every token took its k best
/// of those that were not full when it came. Accepts the first-come rules with overflow=next. Call where
/// top-k fails.
void try_next_free(const RunSet& runs, Findings& findings);

}  // namespace pastonly::routing::hypotheses

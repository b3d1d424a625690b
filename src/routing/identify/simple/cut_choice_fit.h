#pragma once

#include "routing/identify/shared/findings.h"
#include "routing/identify/shared/run_set.h"

namespace pastonly::routing::hypotheses {

/// Tokens that take their best experts, as many as one constant allows: until they hold a share of the
/// token's scores (top-p), or as long as they exceed a threshold that null experts set. No token takes more
/// than the most that any did. Accepts `expert-threshold` with mass, or with a threshold and most, where no
/// threshold per expert was found.
void try_cut_choice(const RunSet& runs, Findings& findings);

}  // namespace pastonly::routing::hypotheses

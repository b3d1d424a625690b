#pragma once

#include "routing/identify/shared/findings.h"
#include "routing/identify/shared/run_set.h"

namespace pastonly::routing::hypotheses {

/// Each token its K best. Accepts `top-k` with the rules that are nothing else, given the scores.
void try_top_k(const RunSet& runs, Findings& findings);

}  // namespace pastonly::routing::hypotheses

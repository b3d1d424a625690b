#pragma once

#include "routing/identify/shared/findings.h"
#include "routing/identify/shared/run_set.h"

namespace pastonly::routing::hypotheses {

/// Scores that are a Sinkhorn matrix: equal sums in all rows and, closer than independent tokens would
/// come, in all columns. Top-k of them is Sinkhorn balancing: accepts `sinkhorn` beside top-k.
void try_balanced_scores(const RunSet& runs, Findings& findings);

}  // namespace pastonly::routing::hypotheses

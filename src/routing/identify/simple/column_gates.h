#pragma once

#include "routing/identify/shared/findings.h"
#include "routing/identify/shared/run_set.h"

namespace pastonly::routing::hypotheses {

/// Rules whose mask says nothing and whose gates carry the other tokens: `soft-moe` (every expert takes a
/// weighted mean of all tokens: the mask is full, and each expert's recorded weights sum to one) and
/// `column-normalised-gate` (scores of the chosen divided by their sum over all tokens). Without recorded
/// gates a full mask may be soft-moe. Both are accepted as leaky beside whatever explains the mask.
void try_column_gates(const RunSet& runs, Findings& findings);

}  // namespace pastonly::routing::hypotheses

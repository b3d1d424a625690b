#pragma once

#include "routing/identify/shared/findings.h"
#include "routing/identify/shared/run_set.h"

namespace pastonly::routing::hypotheses {

/// Each token its K best of s + b, one offset per expert. An offset that serves several batches, or
/// that was recorded and verified, is a loss-free bias: `biased-top-k`. One that has to be fitted run
/// by run is `sinkhorn` or `biased-top-k(same-batch)`. Within a single batch without a recorded bias
/// the three are alike and all accepted. Call after try_top_k: a zero offset is top-k.
void try_offset_rules(const RunSet& runs, Findings& findings);

}  // namespace pastonly::routing::hypotheses

#pragma once

#include "routing/identify/shared/run_set.h"

namespace pastonly::routing::hypotheses {

/// Whether the runs hold at least two batches that differ in half of their tokens or more: what a rule
/// computes from its batch would have to differ between them.
bool several_batches(const RunSet& runs);

}  // namespace pastonly::routing::hypotheses

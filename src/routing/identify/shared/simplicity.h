#pragma once

#include <vector>

#include "pastonly/outcome.h"

namespace pastonly::routing::hypotheses {

/// Sorts candidates: the simplest first, by their places in the table of rules. A capacity that was never
/// reached stands after what explains the trace without one.
void sort_by_simplicity(std::vector<RuleCandidate>& candidates);

}  // namespace pastonly::routing::hypotheses

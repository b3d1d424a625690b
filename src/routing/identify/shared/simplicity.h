#pragma once

#include <string_view>
#include <vector>

#include "pastonly/outcome.h"

namespace pastonly::routing::hypotheses {

/// Sorts candidates: the simplest first. Rules that determine every decision stand before those that
/// chance or a free fit leaves open; among them fewest parameters, then the order of the table of rules.
/// A capacity that was never reached stands after what explains the trace without one.
void sort_by_simplicity(std::vector<RuleCandidate>& candidates);

}  // namespace pastonly::routing::hypotheses

#pragma once

#include <optional>
#include <vector>

#include "routing/identify/offsets/offsets.h"
#include "routing/identify/shared/findings.h"
#include "routing/identify/shared/run_set.h"

namespace pastonly::routing::hypotheses {

/// A decision that the best by score + offset do not give back. Offsets may satisfy every limit only by
/// making unequal scores equal (scores on a coarse grid, and a cycle of limits that sums to zero): what then
/// decides is not the offset. A few decisions that rounding turns are no such thing, since many more come
/// almost as close; `tolerance`: of rounding, on the scale of the ranking. nullopt also where scores were
/// rounded when they were recorded: they cannot give back what they no longer tell.
std::optional<Counterexample> not_given_back(const RunSet& runs, Ranking ranking,
                                             const std::vector<double>& offsets, double tolerance);

}  // namespace pastonly::routing::hypotheses

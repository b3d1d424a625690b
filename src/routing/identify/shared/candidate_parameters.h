#pragma once

#include <cstddef>
#include <map>
#include <vector>

#include "pastonly/value.h"
#include "routing/identify/shared/grouped.h"
#include "routing/identify/shared/run_set.h"

namespace pastonly::routing::hypotheses {

/// The groupings worth trying: the whole batch in the order the producer names, in the other order
/// where there are several sequences, and (`sequences`) each sequence alone.
std::vector<Grouping> groupings(const RunSet& runs, bool sequences);

/// Keys scope and order, where they differ from what a rule assumes of this layout.
void write_grouping(const RunSet& runs, const Grouping& grouping, Value::Object& parameters);

/// [{"tokens": 1024, "capacity": 256}, ...]: one C per number of tokens routed together.
Value::Array capacity_list(const std::map<std::size_t, std::size_t>& capacity);

}  // namespace pastonly::routing::hypotheses

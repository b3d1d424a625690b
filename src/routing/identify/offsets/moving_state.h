#pragma once

#include <functional>
#include <vector>

#include "routing/identify/offsets/difference_constraints.h"
#include "routing/identify/shared/run_set.h"

namespace pastonly::routing::hypotheses {

/// Why the runs of one layer need different offsets.
enum class Movement {
  with_batch,  ///< equal batches share one, changed batches do not: the batch sets it
  by_itself,   ///< equal batches need different ones: a state that moves between runs
  unknown,     ///< the runs do not tell
};

/// `agree`: whether one offset serves all of these runs.
Movement movement(const RunSet& runs, const std::function<bool(const std::vector<std::size_t>&)>& agree);

}  // namespace pastonly::routing::hypotheses

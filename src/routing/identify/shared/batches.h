#pragma once

#include <cstddef>

#include "routing/identify/shared/run_set.h"

namespace pastonly::routing::hypotheses {

/// Whether the runs hold at least two batches that differ in half of their tokens or more: what a rule
/// computes from its batch would have to differ between them.
bool several_batches(const RunSet& runs);

/// How much two runs of a plan have in common.
enum class Kinship {
  none,     ///< another batch, or another shape
  related,  ///< one of the two was changed in part
  equal,    ///< the same sequences with the same scores, in any order
};
Kinship kinship(const RunSet& runs, std::size_t one, std::size_t other);

}  // namespace pastonly::routing::hypotheses

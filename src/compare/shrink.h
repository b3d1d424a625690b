#pragma once

#include <memory>

#include "compare/flip_witness.h"
#include "evidence/audit_context.h"

namespace pastonly {

/// Two runs of a live subject that differ in as little as could be found, and the decision that flips.
struct Shrunk {
  Shrunk() = default;
  Shrunk(const Shrunk&) = delete;
  Shrunk& operator=(const Shrunk&) = delete;

  Reference reference;  ///< its base is the run with fewer changed tokens
  Intervention base_run, run;
  Compared compared;  ///< points into this object
  Pick pick;
};

/// Looks for neighbouring cuts c and c + 1 of the same redrawn sequence between which the picked decision
/// flips (delta debugging by bisection: about log2 of the row's length further interventions). Where a
/// subject redraws suffixes position by position, the two runs differ in one token. nullptr where the subject
/// is not live, the run is not a suffix of one row, or nothing smaller was found.
std::unique_ptr<Shrunk> shrink(Evidence& evidence, const Pick& pick);

}  // namespace pastonly

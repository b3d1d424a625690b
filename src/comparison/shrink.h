#pragma once

#include <memory>

#include "comparison/flip_witness.h"
#include "evidence/observations.h"

namespace pastonly::comparison {

/// Two runs of a live subject that differ in as little as could be found, and the decision that flips.
struct ShrunkWitness {
  ShrunkWitness() = default;
  ShrunkWitness(const ShrunkWitness&) = delete;
  ShrunkWitness& operator=(const ShrunkWitness&) = delete;

  Reference reference;  ///< its base is the run with fewer changed tokens
  Intervention base_run, run;
  RunComparison compared;  ///< points into this object
  PickedFlip pick;
};

/// Looks for neighbouring cuts c and c + 1 of the same redrawn sequence between which the picked decision
/// flips (delta debugging by bisection: about log2 of the row's length further interventions). Where a
/// subject redraws suffixes position by position, the two runs differ in one token. nullptr where the subject
/// is not live, the run is not a suffix of one row, or nothing smaller was found.
std::unique_ptr<ShrunkWitness> shrink(evidence::Observations& observations, const PickedFlip& pick);

}  // namespace pastonly::comparison

#pragma once

#include <cstddef>
#include <optional>

#include "comparison/flip_witness.h"
#include "evidence/observations.h"

namespace pastonly::comparison {

/// One decision looked at again and again, with the change and without it, in turn.
struct Settled {
  std::size_t looks = 0;    ///< at each
  std::size_t with = 0;     ///< of the changed run's looks: as in the run that flipped
  std::size_t without = 0;  ///< of the base's looks: the same
  double p_value = 1.0;     ///< one-sided (Fisher's exact test); the look that picked it does not count
};

/// Runs the pick's run and its base of a live subject again under new numbers, so that chance is drawn anew.
/// nullopt where the subject is not live or cannot run them again.
std::optional<Settled> settle(evidence::Observations& observations, const PickedFlip& pick,
                              std::size_t looks = 10);

}  // namespace pastonly::comparison

#pragma once

#include <optional>

#include "comparison/run_comparison.h"
#include "evidence/observations.h"
#include "pastonly/outcome.h"
#include "pastonly/value.h"

namespace pastonly::comparison {

/// One flipped decision of one run.
struct PickedFlip {
  const RunComparison* compared = nullptr;
  std::size_t layer = 0;  ///< position in Trace::layers
  Flip flip;
};

/// The flip with the fewest changed tokens; among those the lowest layer, then one whose own scores did not
/// change, then the lowest run id, row, position and expert. nullopt where nothing flipped.
std::optional<PickedFlip> smallest_flip(const RunComparisons& compared_runs);

/// What a person, or `verify`, needs to check a flip from the two files by hand:
/// {"type": "flip", "base": path, "run": path, "base_run", "run_id", "kind", "layer", "row", "position",
/// "expert",
///  "before", "after", "run_row", "cut", "rows_changed", "tokens_changed", "score_before", "score_after",
///  "threshold_before", "threshold_after", "single_token": {"row", "position"}}.
/// `before` and `after` are 0 or 1. Keys that do not apply are absent: run_row (the row in the run) where it
/// is `row`; cut and rows_changed but for suffixes; thresholds (the lowest score that the expert took in the
/// token's chunk, before and after) but for expert choice with a known chunk; single_token where no token's
/// new scores alone, put into the base's, make the identified rule flip the decision.
Value flip_witness(const PickedFlip& pick, const std::optional<LayerFacts::Rule>& rule);

/// A float beyond tolerance: {"type": "change", "base", "run", "base_run", "run_id", "kind", "tensor":
/// "scores" | "gates" | "logprobs", "layer", "row", "position", "expert", "before", "after", "tolerance",
/// "cut", ...}. Null where nothing drifted.
Value drift_witness(const RunComparisons& compared_runs);

}  // namespace pastonly::comparison

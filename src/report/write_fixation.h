#pragma once

#include <string>

#include "comparison/fixation.h"
#include "report/writer.h"

namespace pastonly::report {

/// The checkpoints of a run, as `pastonly compare` prints them: a row for each against the last, then where
/// each layer settles.
std::string write_fixation_text(const comparison::Fixation& fixation, const TextStyle& style);
/// {"last", "steps": [{"name", "tokens", "tokens_known", "layers": [{"layer", "experts", "routes_kept",
/// "by_chance", "same_experts", "score_drift", "above_chance"}]}], "settled": [{"layer", "from"}]}: figures
/// as {"value", "lower", "upper", "samples"}, null where absent.
std::string write_fixation_json(const comparison::Fixation& fixation);

}  // namespace pastonly::report

#pragma once

#include <string>

#include "comparison/agreement.h"
#include "comparison/fixation.h"
#include "report/writer.h"

namespace pastonly::report {

/// What `pastonly compare` prints: a row per layer, then what the columns mean.
std::string write_agreement_text(const comparison::Agreement& agreement, const TextStyle& style);
/// {"tokens", "tokens_known", "layers": [{"layer", "experts", "routes_kept", "by_chance", "same_experts",
/// "score_drift"}]}: figures as {"value", "lower", "upper", "samples"}, null where absent.
std::string write_agreement_json(const comparison::Agreement& agreement);

/// The same of the checkpoints of a run: a row for each against the last, then where each layer settles.
std::string write_fixation_text(const comparison::Fixation& fixation, const TextStyle& style);
/// {"last", "steps": [an agreement with "name" and, of layers, "above_chance"], "settled": [{"layer",
/// "from"}]}
std::string write_fixation_json(const comparison::Fixation& fixation);

}  // namespace pastonly::report

#pragma once

#include <string>

#include "comparison/agreement.h"
#include "report/writer.h"

namespace pastonly::report {

/// What `pastonly compare` prints: a row per layer, then what the columns mean.
std::string write_agreement_text(const comparison::Agreement& agreement, const TextStyle& style);
/// {"tokens", "tokens_known", "layers": [{"layer", "experts", "routes_kept", "by_chance", "same_experts",
/// "score_drift"}]}: figures as {"value", "lower", "upper", "samples"}, null where absent.
std::string write_agreement_json(const comparison::Agreement& agreement);

}  // namespace pastonly::report

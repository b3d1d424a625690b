#pragma once

#include <vector>

#include "evidence/recorded_run.h"
#include "routing/identify/identify.h"

namespace pastonly::evidence {

/// Drops the rules that a layer's own interventions speak against, and says so among the rejected:
/// - leaky ones that rest on a free fit or on counts alone (routing/loosely_fitted.h): no suffix run changed
///   a decision of the layer before its cut, where the rule would have, applied to the recorded scores;
/// - drawn ones, where repeats of a base gave the layer's decisions again to the last bit;
/// - exact counts and a kernel's order, where a repeat with the same scores was decided otherwise.
/// The layer is then what the remaining rules say; without any it is unexplained.
void drop_refuted_rules(routing::Identification& layer, LayerIndex index,
                        const std::vector<RecordedRun>& runs);

}  // namespace pastonly::evidence

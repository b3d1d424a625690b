#pragma once

#include <optional>
#include <span>

#include "comparison/trials.h"
#include "pastonly/chart.h"

namespace pastonly::audits {

/// Which redrawn tokens changed which earlier decisions: the map of the trials, over all layers. Where no
/// decision changed but scores, gates or log-probabilities did, and where no layer routes, it is of these.
/// `proven`: whether the runs prove that what moved depends on later tokens. Nothing where no trial is.
std::optional<Chart> influence_chart(std::span<const comparison::Trial> trials, bool proven);

}  // namespace pastonly::audits

#pragma once

#include <cstddef>

#include "pastonly/error.h"
#include "pastonly/routing_rule.h"

namespace pastonly::checkpoint {

/// Whether a checkpoint's layers of so many experts can be routed by a rule of the user's choice. A rule that
/// cannot do there what it is named for would be audited as another one, so it is a usage error:
/// - what routing/fits_experts.h refuses;
/// - rules that are more than a selection by the router's scores (soft-moe, column-normalised-gate, k-means,
///   expert-autonomy): a checkpoint holds neither their weights nor their scores.
Expected<void> fits(const RoutingRule& rule, std::size_t experts);

}  // namespace pastonly::checkpoint

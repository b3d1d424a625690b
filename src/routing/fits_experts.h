#pragma once

#include <cstddef>

#include "pastonly/error.h"
#include "pastonly/routing_rule.h"

namespace pastonly::routing {

/// Whether a rule can do in layers of so many experts what it is named for; elsewhere it would be another
/// rule. Usage errors: more experts per token than there are or than the groups in play hold, groups or ranks
/// that do not divide the experts, lists of another length, a table that names experts beyond them.
Expected<void> fits_experts(const RoutingRule& rule, std::size_t experts);

}  // namespace pastonly::routing

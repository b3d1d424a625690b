#pragma once

#include <string_view>

#include "routing/identify/identify.h"

namespace pastonly::evidence {

/// Drops what only looks like the rule that the layer is known to be routed by, where that rule explains its
/// decisions and is causal. A rule that looks ahead is left to what the decisions show.
void prefer_declared_rule(routing::Identification& layer, std::string_view rule);

}  // namespace pastonly::evidence

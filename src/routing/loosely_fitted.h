#pragma once

#include "pastonly/outcome.h"

namespace pastonly::routing {

/// Whether a candidate fits with something left open that explains much by itself: an offset fitted to every
/// run, counts alone, a random draw, the order that a kernel leaves. Such a fit says that a rule is possible,
/// not that it was seen.
bool loosely_fitted(const RuleCandidate& candidate);

}  // namespace pastonly::routing

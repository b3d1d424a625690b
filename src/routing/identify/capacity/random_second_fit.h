#pragma once

#include "routing/identify/shared/findings.h"
#include "routing/identify/shared/run_set.h"

namespace pastonly::routing::hypotheses {

/// First choices by their order up to C, a second expert left to chance. Accepts
/// `gshard-top-2(random-second)` for what it constrains: first choices as choice-major admits them, at
/// most one other expert, no expert beyond C. Says whether all seconds were second choices (kept) or
/// not (drawn).
void try_random_second(const RunSet& runs, Findings& findings);

}  // namespace pastonly::routing::hypotheses

#pragma once

#include "routing/identify/shared/findings.h"
#include "routing/identify/shared/run_set.h"

namespace pastonly::routing::hypotheses {

/// Expert choice within the documents packed into a row. Every row must fall into stretches in each of which
/// all experts took equally many tokens, and none left out a better one than it took. Where a token id ends
/// such stretches and nothing else, it is the separator; else their number is stated.
void try_document_expert_choice(const RunSet& runs, Findings& findings);

}  // namespace pastonly::routing::hypotheses

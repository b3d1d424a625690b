#pragma once

#include "routing/identify/shared/findings.h"
#include "routing/identify/shared/run_set.h"

namespace pastonly::routing::hypotheses {

/// Each expert its C best tokens of a chunk: exact counts, and in every chunk a threshold per expert.
/// Finds the chunk width (flattened in either token order, restarted per sequence, the whole batch or
/// the whole sequence) and C. Accepts `expert-choice`, with one expert per layer and whole sequences
/// `mixture-of-depths` as well.
void try_expert_choice(const RunSet& runs, Findings& findings);

/// The same for tokens permuted over the batch beforehand, which chance decided: accepts
/// `expert-choice(shuffled)` for what it constrains, exact counts over the batch and ranks that some
/// permutation could have made.
void try_shuffled_expert_choice(const RunSet& runs, Findings& findings);

}  // namespace pastonly::routing::hypotheses

#pragma once

#include "routing/identify/shared/findings.h"
#include "routing/identify/shared/run_set.h"

namespace pastonly::routing::hypotheses {

/// One budget for all pairs of a sequence or of the batch: exactly k pairs per token, all of them above all
/// that was left out. Of one batch whose budget all tokens share, a threshold from elsewhere would give that
/// count by chance alone, but might: both then explain it.
void try_sequence_top_k(const RunSet& runs, Findings& findings);

/// Its streaming form, replayed: k is what the first token of every sequence got.
void try_streaming_top_k(const RunSet& runs, Findings& findings);

}  // namespace pastonly::routing::hypotheses

#pragma once

#include <vector>

#include "pastonly/error.h"
#include "pastonly/policy.h"
#include "pastonly/trace.h"
#include "stats/token_source.h"

namespace pastonly::losses {

/// The named source, if the tokens can have come from it; else an error naming the first that cannot, or
/// saying how strongly their frequencies speak against it (a false alarm in at most one of 2^20 traces).
/// Requires trace.tokens.
Expected<stats::TokenSource> source_of_tokens(const Trace& trace, const Source& source);

/// log2 P(token | the row's tokens before it) of every token under the source, (sequences, positions).
std::vector<double> source_log2_probabilities(const Trace& trace, const stats::TokenSource& source);

}  // namespace pastonly::losses

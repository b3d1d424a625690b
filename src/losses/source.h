#pragma once

#include <vector>

#include "pastonly/error.h"
#include "pastonly/policy.h"
#include "pastonly/trace.h"
#include "stats/source_fit.h"
#include "stats/token_source.h"

namespace pastonly::losses {

/// The named source, if the tokens can have come from it; else an error naming the first that cannot, or
/// saying how strongly they speak against it (a false alarm in at most one of 2^20 subjects). `fit` learns
/// from the tokens; what it gains below that is for the caller to hold against a finding. Requires
/// trace.tokens.
Expected<stats::TokenSource> source_of_tokens(const Trace& trace, const Source& source,
                                              stats::SourceFit& fit);

/// log2 P(token | the row's tokens before it) of every token under the source, (sequences, positions).
std::vector<double> source_log2_probabilities(const Trace& trace, const stats::TokenSource& source);

}  // namespace pastonly::losses

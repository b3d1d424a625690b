#pragma once

#include "comparison/difference.h"
#include "pastonly/trace.h"

namespace pastonly::comparison {

/// What rounding may move in a run: a share of the magnitude of the values that decide. Scores: the median
/// over valid tokens of the larger of |best| and |K-th best|, K the mean experts per token, so that no
/// extreme value (the mask of a closed expert, garbage in padding) widens it. Gates: the median of each
/// token's largest. Log-probabilities: the median magnitude, at least 1, for their errors follow the logits'.
/// The share is 1e-5, or 1e-2 where the tensor is stored or was computed in 16 bits (Trace::compute, else
/// told from scores that lie on the grid of bfloat16); log-probabilities take the coarsest of the scores.
/// Gross is beyond 1e-3 of the magnitude, or beyond a tenth in 16 bits.
Tolerances tolerances_of(const Trace& base);
/// The same where nobody vouches for the type of the computation: whoever stores float32 may have computed in
/// 16 bits, unless Trace::compute says otherwise.
Tolerances cautious_tolerances_of(const Trace& base);

/// Whether the trace says that its scores were computed in 16 bits, by Trace::compute or by how they are
/// stored.
bool says_16_bits(const Trace& base);

}  // namespace pastonly::comparison

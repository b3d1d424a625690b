#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "evidence/observations.h"
#include "pastonly/error.h"
#include "pastonly/trace.h"
#include "stats/source_fit.h"
#include "stats/token_source.h"

namespace pastonly::losses {

/// What a model says of tokens drawn from a known source, against the source itself.
struct SourcePaths {
  std::vector<double> log2_e;         // (batches) e-values: final likelihood ratios averaged over the rows
  std::vector<double> gains, tokens;  // (rows of all batches) bits gained on the source, tokens predicted
  double loss_bits = 0.0;             ///< mean over predicted tokens
  double leak_bits = 0.0;             ///< mean gain: the source's own loss on these tokens - loss_bits
  double entropy_bits = 0.0;          ///< of the source, per token that has a past; source_paths only
  double predicted = 0.0;
  double supremum = 0.0;  ///< log2 of the largest running average over the rows, batch after batch
  // Of source_paths only:
  stats::SourceFit::Gain causal;  ///< known to be gained on these tokens from earlier ones alone
  bool drawn = false;             ///< the tokens are known to be the source's, and unknown to the model
  /// p-value of "the model gains no more than where it sees nothing after a token", by row; nullopt where
  /// nothing says so.
  std::optional<double> beyond_prefixes;

  /// Of all batches: those drawn separately multiply.
  double log2_value() const;
};

/// Follows every row of one batch and adds it. A position at which no row has a prediction is left out; a NaN
/// among predictions counts as probability 0. Input error: a log-probability above 0.
Expected<void> add_paths(const Trace& trace, const stats::TokenSource& source, SourcePaths& out);

/// The first base run, and the batches that a live subject draws anew after it, within a quarter of its
/// budget. Other bases of a plan may share tokens with the first and are left out. `causal` is what
/// the predictors of stats::SourceFit gain, or, where that is more, the model itself in the recorded stream
/// runs of that base, where it sees nothing after a token. Those run every row alone and cut off, so a rule
/// that is unknown, or causal and not indifferent to that, leaves `beyond_prefixes` open. Errors: tokens that
/// cannot have come from the source, as source_of_tokens.
Expected<SourcePaths> source_paths(evidence::Observations& observations, const Source& source);

}  // namespace pastonly::losses

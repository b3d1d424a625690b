#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "pastonly/trace.h"
#include "stats/probe.h"
#include "stats/token_source.h"

namespace pastonly::losses {

/// What a probe is trained and tested on: the routing of some tokens, all layers, and the token that
/// follows each.
struct DecodingData {
  stats::SparseRows routing;           // (samples) mask bits, then scores where they were used
  std::vector<std::uint32_t> targets;  // (samples) class of the next token
  std::vector<std::size_t> sequence;   // (samples) row, ascending; rows of a later batch follow
  std::vector<std::size_t> batch;      // (samples) ascending
  std::size_t classes = 0;
  std::vector<double> priors;     // (1 or samples, classes) of the next token under the source
  std::size_t mask_features = 0;  ///< the first features; scores follow
  std::size_t available = 0;      ///< pairs of a token and its valid successor
  bool scored = false;

  std::span<const double> prior(std::size_t sample) const noexcept {
    return std::span(priors).subspan(priors.size() == classes ? 0 : sample * classes, classes);
  }
};

struct DecodingLimits {
  std::size_t samples = 8192;   ///< evenly spaced over the batch
  std::size_t features = 1024;  ///< beyond, scores are left out; then masks of evenly spaced experts are kept
  std::size_t classes = 64;     ///< of large vocabularies, token id modulo this
};

/// Requires trace.tokens that the source can have drawn. Scores that are not finite count as 0.
DecodingData decoding_data(const Trace& trace, const stats::TokenSource& source,
                           const DecodingLimits& limits = {});

/// The samples of a further batch behind those there are. Requires the same model, source and limits.
void append(const DecodingData& batch, DecodingData& out);

}  // namespace pastonly::losses

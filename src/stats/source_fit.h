#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "stats/token_source.h"

namespace pastonly::stats {

/// Causal predictors that start from a declared source and learn from the tokens alone where these differ
/// from it. The likelihood ratio of each to the source is an e-process against "the tokens were drawn from
/// this source", and a bound from below on what a causal model can gain on the source.
///
/// - Urns (Polya; Krichevsky and Trofimov 1981 is the case c p = 1/2): q(x | context) =
///   (n(x, context) + c p(x | past)) / (n(context) + c), for several c. Contexts: the last 0, 1, 2, 3 or 8
///   tokens, the token two or three before alone, the position in the row.
/// - Tilts: q(x) = p(x) f^[x in A] / (1 + (f - 1) p(A | past)), for several f. Sets A: the token k before, k
/// =
///   1, ..., 8; all tokens that the row has had.
///
/// The first `most_tokens` tokens are learned from; memory is linear in them, whatever the vocabulary.
class SourceFit {
 public:
  static constexpr std::size_t most_tokens = std::size_t{1} << 17;

  SourceFit();

  /// A further batch, of the same source. `tokens`: (rows, positions) of which `valid` (same shape, or empty
  /// = all) count; each within the vocabulary and possible under the source. The past begins anew after
  /// padding.
  void add(const TokenSource& source, std::span<const std::int64_t> tokens,
           std::span<const std::uint8_t> valid, std::size_t positions);

  struct Gain {
    /// log2 of the e-value of all predictors together, 0 where they gain nothing: less this, log2 of an
    /// e-value stays log2 of an e-value.
    double bits = 0.0;
    std::string predictor = {};   ///< that gained most, in hindsight; "" where none gained
    double predictor_bits = 0.0;  ///< its gain
    double against_source = 0.0;  ///< log2_supremum(): what the tokens alone say against the source
  };
  Gain gain() const;
  /// log2 of an e-value against the source: the mean over all predictors. 0 without tokens.
  double log2_e() const;
  /// Its largest value at the end of a row: P(it exceeds x) <= 2^-x under the source (Ville 1939).
  double log2_supremum() const noexcept { return supremum_; }

 private:
  void learn(const TokenSource& source, std::span<const std::int64_t> past, std::int64_t token,
             std::size_t position);
  void draw_from_urns(std::span<const std::int64_t> past, std::int64_t token, std::size_t position, double p);
  void tilt(std::size_t event, bool inside, double probability);

  std::size_t learned_ = 0;
  double supremum_ = 0.0;
  std::unordered_map<std::uint64_t, std::uint32_t> counts_;  // hash of (urn, context[, token]) -> tokens
  std::unordered_set<std::int64_t> had_;                     // tokens of this row so far
  std::vector<double> urns_, tilts_;                         // (contexts, weights), (events, factors) bits
};

}  // namespace pastonly::stats

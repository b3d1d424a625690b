#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <unordered_set>
#include <vector>

#include "pastonly/error.h"
#include "pastonly/policy.h"
#include "stats/random.h"

namespace pastonly::stats {

/// Usage errors: an unknown kind, a vocabulary below 2 or not below 2^32, order outside 1 to 3,
/// successors outside 1 to vocab, a table of more than 2^24 entries, a key that the kind does not have.
Expected<void> validate(const Source& source);

/// A distribution of token sequences whose every conditional probability is known exactly.
///
/// - uniform: tokens are independent and uniform over the vocabulary.
/// - markov: a chain of order m in which a context (x_1, ..., x_m) has the successors pi_j(x_1) with
///   probabilities w_j, j < successors. The permutations pi and weights w (normalised exponential draws)
///   are drawn from the seed for every (x_2, ..., x_m). Summed over x_1 the transition probabilities to any
///   token are therefore 1, so the uniform distribution of m-tuples is stationary. Sequences start in it:
///   the first m tokens are independent and uniform, and every later conditional stands in the table.
///
/// Its entropy rate is the mean entropy of the table's rows: stationary contexts are uniform.
class TokenSource {
 public:
  /// Usage errors as validate().
  static Expected<TokenSource> make(const Source& source);

  const Source& source() const noexcept { return source_; }
  std::uint64_t vocab() const noexcept { return source_.vocab; }
  /// How many tokens of the past a probability can depend on.
  std::size_t order() const noexcept { return static_cast<std::size_t>(source_.order); }

  /// Entropy rate in bits per token: of a token whose context is complete.
  double entropy_bits() const noexcept { return rate_; }
  /// Mean entropy of the tokens at positions 1, ..., positions - 1, those that have a past: what the best
  /// causal predictor loses on them. The rate where positions < 2.
  double entropy_bits(std::size_t positions) const noexcept;

  /// Fills (sequences, positions) with independent sequences. Row r depends on the seed and r alone.
  void draw(std::uint64_t seed, std::size_t sequences, std::size_t positions,
            std::vector<std::int64_t>& out) const;
  /// Redraws row[from], row[from + 1], ... given the tokens before them, which must be in the vocabulary.
  void extend(CounterRng& rng, std::span<std::int64_t> row, std::size_t from) const;

  /// log2 P(next | past), past being the row's tokens before it, oldest first (more than the order may be
  /// given). -inf where the source cannot have drawn it, and for tokens outside the vocabulary.
  double log2_probability(std::span<const std::int64_t> past, std::int64_t next) const noexcept;
  /// Of every token of a batch, (rows, positions) each. After padding (valid = 0; empty = all valid) the
  /// past begins anew; padding itself gets 0.
  void log2_probabilities(std::span<const std::int64_t> tokens, std::span<const std::uint8_t> valid,
                          std::size_t positions, std::span<double> out) const;
  /// P(next is one of `words` | past), each of them within the vocabulary.
  double probability_of_any(std::span<const std::int64_t> past,
                            const std::unordered_set<std::int64_t>& words) const;
  /// P(next in class c | past) for the classes token % classes.size().
  void class_probabilities(std::span<const std::int64_t> past, std::span<double> classes) const;

 private:
  explicit TokenSource(const Source& source);
  void build_table();
  double row_entropy(std::size_t context) const;
  /// The context's row of the table, or nothing where the past is too short or outside the vocabulary.
  bool context_of(std::span<const std::int64_t> past, std::size_t& context) const noexcept;

  Source source_;
  std::size_t groups_ = 1;  ///< vocab^(order - 1): contexts that share permutations
  double rate_ = 0.0;
  std::vector<std::uint32_t> successors_;  // (vocab^order, successors); context = x_1 + vocab x_2 + ...
  std::vector<double> weights_;            // (groups, successors), each row sums to 1
};

}  // namespace pastonly::stats

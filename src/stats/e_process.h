#pragma once

#include <cstddef>
#include <limits>
#include <span>

namespace pastonly::stats {

/// The non-negative supermartingale M_n = prod q(x_t) / p(x_t) of one sequence, log2 domain. For any
/// causal predictor q against the true source p, P(sup M >= 1/alpha) <= alpha (Ville 1939) and
/// E[M_n] <= 1 at every n.
class EProcess {
 public:
  /// log2 q - log2 p of the next token. -inf (q = 0) ends the path at 0 for good; NaN (no prediction
  /// where one was due) counts as q = 0, which can only weaken the evidence; +inf likewise, being no
  /// ratio of probabilities.
  void observe(double log2_ratio) noexcept;

  double log2_value() const noexcept { return value_; }
  /// Over all n, M_0 = 1 included.
  double log2_supremum() const noexcept { return supremum_; }
  std::size_t length() const noexcept { return length_; }

 private:
  double value_ = 0.0;
  double supremum_ = 0.0;
  std::size_t length_ = 0;
};

/// log2 of the mean of 2^x: e-values that may depend on one another average to an e-value. -inf
/// entries are zeros; an empty span gives 0 (e = 1, no evidence).
double log2_mean(std::span<const double> log2_values);

/// min(1, 2^-x): the p-value of an e-value (Markov). NaN gives 1.
double p_value_of(double log2_e) noexcept;

/// What luck at level alpha cannot explain of a mean log2 ratio per token, whose product over `tokens` is the
/// e-value: by Markov's (Ville's) inequality a causal predictor's lies above it with probability alpha at
/// most. Positive exactly where the e-value rejects at alpha.
double mean_lower_bound(double log2_e, double alpha, double tokens) noexcept;

}  // namespace pastonly::stats

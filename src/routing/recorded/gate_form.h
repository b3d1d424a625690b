#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "pastonly/matrix_view.h"

namespace pastonly::routing {

/// One formula for gates: scale * y_i / divisor, y_i = transform(score_i), plus bias_i where biased, for
/// the experts that a token kept.
struct GateForm {
  enum class Transform { constant, identity, exponential, sigmoid };
  enum class Divisor {
    none,
    kept,   ///< sum of y over the experts kept: renormalised
    top_k,  ///< sum of y over the K best by score: renormalised before drops
    all,    ///< sum of y over all experts: softmax
  };
  Transform transform = Transform::identity;
  Divisor divisor = Divisor::none;
  double scale = 1.0;
  std::vector<double> bias;  // (experts) empty = unbiased
  double explained = 0.0;    ///< share of kept pairs within the tolerance

  /// "score / sum of kept scores * 2.5", "(score + bias) / ..." and so on.
  std::string description() const;
};

/// y of one score.
double transformed(GateForm::Transform transform, double score);

/// Some tokens of one layer with at least one gate. All (tokens, experts).
struct GateSample {
  MatrixView<const float> scores;
  MatrixView<const float> gates;
  MatrixView<const std::uint8_t> kept;
  std::size_t top_k = 0;    ///< K that the rule asks for; 0 where unknown
  double tolerance = 2e-5;  ///< relative
};

/// What the form says of one pair, scale included; NaN where the divisor is 0.
double predicted_gate(const GateForm& form, const GateSample& sample, std::size_t token, std::size_t expert);

/// The unbiased form that explains the most pairs; ties go to the simpler. Scale is the median ratio.
GateForm best_unbiased_form(const GateSample& sample);
/// The same with y_i = transform(score_i) + bias_i for a given bias.
GateForm best_biased_form(const GateSample& sample, std::span<const double> bias);
/// A constant per-expert offset recovered from the gates themselves by least squares; nullopt where
/// the system has no unique solution. Experts that no token kept get 0.
std::optional<GateForm> fitted_biased_form(const GateSample& sample);

}  // namespace pastonly::routing

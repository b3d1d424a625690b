#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "pastonly/matrix_view.h"

namespace pastonly::stats {

/// Rows of a feature matrix that is mostly zero.
struct SparseRows {
  std::size_t features = 0;
  std::vector<std::size_t> starts{0};                    // (rows + 1)
  std::vector<std::pair<std::uint32_t, float>> entries;  // (feature, value), row after row

  std::size_t rows() const noexcept { return starts.size() - 1; }
  std::span<const std::pair<std::uint32_t, float>> row(std::size_t i) const noexcept {
    return std::span(entries).subspan(starts[i], starts[i + 1] - starts[i]);
  }
  void end_row() { starts.push_back(entries.size()); }
};

/// Multinomial logistic regression on top of a known prior: q(c | x) in proportion to prior_c exp(w_c x).
/// Without features that tell anything it stays at the prior. q sums to 1 over the classes. Features are
/// scaled to unit root mean square over the training rows; those present in every one are centred first.
class SoftmaxProbe {
 public:
  /// Weights have a Gaussian prior of this standard deviation; accelerated gradient steps from 0, a fixed
  /// number, so the result is a function of the data alone. Requires features finite, targets < classes,
  /// priors (1, classes) for all rows or (rows, classes), not negative, each with sum 1 and its target's
  /// class positive.
  static SoftmaxProbe fit(const SparseRows& rows, std::span<const std::uint32_t> targets,
                          MatrixView<const double> priors, double weight_deviation, int iterations = 40);

  /// log2 q(target | row) - log2 prior(target), prior (classes) being the row's.
  double gain(std::span<const std::pair<std::uint32_t, float>> row, std::uint32_t target,
              std::span<const double> prior) const;

 private:
  void learn_scales(const SparseRows& rows);
  float scaled(std::uint32_t feature, float value) const {
    return (value - centre_[feature]) * scale_[feature];
  }

  std::vector<float> centre_;   // (features)
  std::vector<float> scale_;    // (features)
  std::vector<float> weights_;  // (features, classes)
};

}  // namespace pastonly::stats

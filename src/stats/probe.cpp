#include "stats/probe.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "kernels/elementary.h"

namespace pastonly::stats {
namespace {

using Row = std::span<const std::pair<std::uint32_t, float>>;

/// out += factor * in, (classes) each.
void add_scaled(std::span<float> out, const float* in, float factor) {
  float* to = out.data();
  for (std::size_t c = 0; c < out.size(); ++c) to[c] += factor * in[c];
}

/// Logits of one row, (classes).
void logits_of(Row row, const std::vector<float>& weights, std::span<const float> log_prior,
               std::vector<float>& logits) {
  logits.assign(log_prior.begin(), log_prior.end());
  for (const auto& [feature, value] : row) {
    add_scaled(logits, weights.data() + feature * log_prior.size(), value);
  }
}

double log_sum_exp(const std::vector<float>& logits) {
  const double largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0.0;
  for (const float logit : logits) sum += kernels::exp(double{logit} - largest);
  return largest + kernels::log(sum);
}

/// Largest eigenvalue of X'X / n by power iteration: the curvature that bounds the step.
double curvature(const SparseRows& rows) {
  std::vector<double> direction(rows.features, 1.0), next(rows.features);
  double eigenvalue = 0.0;
  for (int step = 0; step < 12; ++step) {
    std::fill(next.begin(), next.end(), 0.0);
    for (std::size_t i = 0; i < rows.rows(); ++i) {
      double product = 0.0;
      for (const auto& [feature, value] : rows.row(i)) product += value * direction[feature];
      for (const auto& [feature, value] : rows.row(i)) next[feature] += value * product;
    }
    double norm = 0.0;
    for (const double x : next) norm += x * x;
    norm = std::sqrt(norm);
    if (!(norm > 0.0)) return 0.0;
    double length = 0.0;
    for (const double x : direction) length += x * x;
    eigenvalue = norm / std::sqrt(length) / static_cast<double>(rows.rows());
    for (std::size_t f = 0; f < next.size(); ++f) direction[f] = next[f] / norm;
  }
  return eigenvalue;
}

/// Gradient of the mean cross-entropy at `weights`, (features, classes).
void gradient_at(const SparseRows& rows, std::span<const std::uint32_t> targets,
                 const std::vector<float>& weights, MatrixView<const float> log_priors,
                 std::vector<float>& gradient) {
  std::fill(gradient.begin(), gradient.end(), 0.0F);
  std::vector<float> residual;
  const auto share = static_cast<float>(1.0 / static_cast<double>(rows.rows()));
  for (std::size_t i = 0; i < rows.rows(); ++i) {
    logits_of(rows.row(i), weights, log_priors.row(log_priors.rows() == 1 ? 0 : i), residual);
    const auto normaliser = static_cast<float>(log_sum_exp(residual));
    for (float& r : residual) r = kernels::exp(r - normaliser);
    residual[targets[i]] -= 1.0F;
    for (const auto& [feature, value] : rows.row(i)) {
      add_scaled(std::span(gradient).subspan(feature * residual.size(), residual.size()), residual.data(),
                 share * value);
    }
  }
}

}  // namespace

void SoftmaxProbe::learn_scales(const SparseRows& rows) {
  std::vector<double> present(rows.features), sums(rows.features), squares(rows.features);
  for (const auto& [feature, value] : rows.entries) {
    present[feature] += 1.0;
    sums[feature] += value;
    squares[feature] += double{value} * value;
  }
  const auto count = static_cast<double>(std::max<std::size_t>(1, rows.rows()));
  centre_.assign(rows.features, 0.0F);
  scale_.assign(rows.features, 0.0F);
  for (std::size_t f = 0; f < rows.features; ++f) {
    const double mean = present[f] == count ? sums[f] / count : 0.0;
    const double variance = squares[f] / count - mean * mean;
    centre_[f] = static_cast<float>(mean);
    // Below this the spread is the rounding of a constant.
    if (variance > 1e-10 * squares[f] / count) scale_[f] = static_cast<float>(1.0 / std::sqrt(variance));
  }
}

SoftmaxProbe SoftmaxProbe::fit(const SparseRows& unscaled, std::span<const std::uint32_t> targets,
                               MatrixView<const double> priors, double weight_deviation, int iterations) {
  SoftmaxProbe probe;
  probe.learn_scales(unscaled);
  SparseRows rows = unscaled;
  for (auto& [feature, value] : rows.entries) value = probe.scaled(feature, value);
  probe.weights_.assign(rows.features * priors.columns(), 0.0F);
  if (rows.rows() == 0 || rows.features == 0) return probe;
  const double penalty = 1.0 / (static_cast<double>(rows.rows()) * weight_deviation * weight_deviation);
  // Softmax's Hessian is at most half of X'X / n; a fifth more for the unfinished power iteration.
  const double smoothness = 0.6 * curvature(rows) + penalty;
  const auto step = static_cast<float>(1.0 / smoothness);
  std::vector<float> logs(priors.size());  // as priors
  std::transform(priors.data(), priors.data() + priors.size(), logs.begin(),
                 [](double p) { return static_cast<float>(kernels::log(p)); });
  const MatrixView<const float> log_priors(logs.data(), priors.rows(), priors.columns());
  std::vector<float> ahead = probe.weights_, gradient(probe.weights_.size());
  double momentum = 1.0;
  for (int iteration = 0; iteration < iterations; ++iteration) {
    gradient_at(rows, targets, ahead, log_priors, gradient);
    const double next = 0.5 * (1.0 + std::sqrt(1.0 + 4.0 * momentum * momentum));
    const auto push = static_cast<float>((momentum - 1.0) / next);
    momentum = next;
    for (std::size_t i = 0; i < ahead.size(); ++i) {
      const float moved = ahead[i] - step * (gradient[i] + static_cast<float>(penalty) * ahead[i]);
      ahead[i] = moved + push * (moved - probe.weights_[i]);
      probe.weights_[i] = moved;
    }
  }
  return probe;
}

double SoftmaxProbe::gain(Row row, std::uint32_t target, std::span<const double> prior) const {
  std::vector<std::pair<std::uint32_t, float>> scaled_row;
  for (const auto& [feature, value] : row) {
    if (feature < scale_.size()) scaled_row.emplace_back(feature, scaled(feature, value));
  }
  std::vector<float> log_prior(prior.size());
  for (std::size_t c = 0; c < prior.size(); ++c) log_prior[c] = static_cast<float>(kernels::log(prior[c]));
  std::vector<float> logits;
  logits_of(scaled_row, weights_, log_prior, logits);
  return (double{logits[target]} - log_sum_exp(logits) - double{log_prior[target]}) / std::numbers::ln2;
}

}  // namespace pastonly::stats

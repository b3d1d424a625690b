#include "model/gate.h"

#include <algorithm>
#include <cmath>

namespace pastonly::model {
namespace {

/// Keeps a sum of sigmoids that all underflowed from dividing by zero; the same as in DeepSeek-V3.
constexpr double smallest_sum = 1e-20;

/// The experts over which a token's weights are normalised.
std::span<const std::uint8_t> normalised_over(const RouterConfig& config, const Routing& routing,
                                              std::size_t token) {
  const Mask& mask = config.gate_over == GateOver::kept ? routing.mask : routing.selected;
  return mask.view().row(token);
}

/// What a score counts in its token's sum: itself, or its exponential against the largest.
template <class Real>
struct Weighing {
  bool softmax = false;
  Real largest{0};
  Real sum{0};

  Weighing(const RouterConfig& config, const Real* scores, std::span<const std::uint8_t> over)
      : softmax(config.gate == Gate::softmax) {
    bool any = false;
    for (std::size_t e = 0; e < over.size(); ++e) {
      if (over[e] != 0 && (!any || scores[e] > largest)) largest = scores[e], any = true;
    }
    for (std::size_t e = 0; e < over.size(); ++e) {
      if (over[e] != 0) sum += weight(scores[e]);
    }
    if (!softmax) sum += static_cast<Real>(smallest_sum);
  }
  Real weight(Real score) const { return softmax ? std::exp(score - largest) : score; }
  Real share(Real score) const { return weight(score) / sum; }
};

}  // namespace

template <class Real>
void Gates<Real>::compute(const RouterConfig& config, Block<const Real> scores, const Routing& routing,
                          const Dispatch& dispatch) {
  const auto scale = static_cast<Real>(config.gate_scale);
  values_.resize(dispatch.routes());
  if (config.gate == Gate::column_normalised) {
    column_sums_.assign(dispatch.experts(), static_cast<Real>(smallest_sum));
    for (std::size_t r = 0; r < dispatch.routes(); ++r)
      column_sums_[dispatch.expert(r)] += scores(dispatch.token(r), dispatch.expert(r));
    const Real mean = static_cast<Real>(dispatch.routes()) / static_cast<Real>(dispatch.experts());
    for (std::size_t r = 0; r < dispatch.routes(); ++r) {
      const std::size_t e = dispatch.expert(r);
      values_[r] = scale * mean * scores(dispatch.token(r), e) / column_sums_[e];
    }
    return;
  }
  for (std::size_t t = 0; t < scores.rows; ++t) {
    const auto routes = dispatch.routes_of(t);
    if (routes.empty()) continue;
    const Real* row = scores.row(t);
    if (config.gate == Gate::raw) {
      for (const auto r : routes) values_[r] = scale * row[dispatch.expert(r)];
      continue;
    }
    const Weighing<Real> weighing(config, row, normalised_over(config, routing, t));
    for (const auto r : routes) values_[r] = scale * weighing.share(row[dispatch.expert(r)]);
  }
}

template <class Real>
void Gates<Real>::prepare_backward(const RouterConfig& config, const Dispatch& dispatch,
                                   std::span<const Real> gradients) {
  if (config.gate != Gate::column_normalised) return;
  column_products_.assign(dispatch.experts(), Real{0});
  for (std::size_t r = 0; r < dispatch.routes(); ++r)
    column_products_[dispatch.expert(r)] += gradients[r] * values_[r];
}

template <class Real>
void Gates<Real>::backward_token(const RouterConfig& config, std::size_t token, Block<const Real> scores,
                                 const Routing& routing, const Dispatch& dispatch,
                                 std::span<const Real> gradients, std::span<Real> score_gradient) const {
  std::fill(score_gradient.begin(), score_gradient.end(), Real{0});
  const auto routes = dispatch.routes_of(token);
  if (routes.empty()) return;
  const auto scale = static_cast<Real>(config.gate_scale);
  const Real* row = scores.row(token);
  if (config.gate == Gate::raw) {
    for (const auto r : routes) score_gradient[dispatch.expert(r)] = scale * gradients[r];
    return;
  }
  if (config.gate == Gate::column_normalised) {
    const Real mean = static_cast<Real>(dispatch.routes()) / static_cast<Real>(dispatch.experts());
    for (const auto r : routes) {
      const std::size_t e = dispatch.expert(r);
      score_gradient[e] = (scale * mean * gradients[r] - column_products_[e]) / column_sums_[e];
    }
    return;
  }
  // g_i = scale w_i / W: dL/ds_j = w'_j / W (scale dL/dg_j - sum_i g_i dL/dg_i), dL/dg_j = 0 where dropped.
  const auto over = normalised_over(config, routing, token);
  const Weighing<Real> weighing(config, row, over);
  Real along{0};
  for (const auto r : routes) {
    along += gradients[r] * values_[r];
    score_gradient[dispatch.expert(r)] = scale * gradients[r];
  }
  for (std::size_t e = 0; e < over.size(); ++e) {
    const Real slope = weighing.softmax ? weighing.share(row[e]) : Real{1} / weighing.sum;
    score_gradient[e] = over[e] != 0 ? slope * (score_gradient[e] - along) : Real{0};
  }
}

template class Gates<float>;
template class Gates<double>;

}  // namespace pastonly::model

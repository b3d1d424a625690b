#include "model/gate.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/elementary.h"

namespace pastonly::model {
namespace {

/// Keeps a sum of sigmoids that all underflowed from dividing by zero; the same as in DeepSeek-V3.
constexpr double smallest_sum = 1e-20;

/// body(expert), in order, for the experts over which a token's weights are normalised.
template <class Body>
void for_normalised(const RouterConfig& config, const Routing& routing, const Dispatch& dispatch,
                    std::size_t token, Body&& body) {
  if (config.gate_over == GateOver::kept) {
    for (const auto route : dispatch.routes_of(token)) body(dispatch.expert(route));
    return;
  }
  for (std::size_t e = 0; e < dispatch.experts(); ++e) {
    if (routing.selected(token, e) != 0) body(e);
  }
}

/// What a score counts in its token's sum: itself, or its exponential against the largest.
template <class Real>
struct Weighing {
  bool softmax = false;
  Real largest = std::numeric_limits<Real>::lowest();
  Real sum{0};

  Weighing(const RouterConfig& config, const Routing& routing, const Dispatch& dispatch, std::size_t token,
           const Real* scores)
      : softmax(config.gate == Gate::softmax) {
    if (softmax)
      for_normalised(config, routing, dispatch, token,
                     [&](std::size_t e) { largest = std::max(largest, scores[e]); });
    for_normalised(config, routing, dispatch, token, [&](std::size_t e) { sum += weight(scores[e]); });
    if (!softmax) sum += static_cast<Real>(smallest_sum);
  }
  Real weight(Real score) const { return softmax ? kernels::exp(score - largest) : score; }
  Real share(Real score) const { return weight(score) / sum; }
};

template <class Real>
void normalised_backward(const RouterConfig& config, const Routing& routing, const Dispatch& dispatch,
                         std::size_t token, const Real* row, std::span<const Real> values,
                         std::span<const Real> gradients, std::span<Real> score_gradient) {
  const auto scale = static_cast<Real>(config.gate_scale);
  const auto routes = dispatch.routes_of(token);
  // g_i = scale w_i / W: dL/ds_j = w'_j / W (scale dL/dg_j - sum_i g_i dL/dg_i), dL/dg_j = 0 where dropped.
  const Weighing<Real> weighing(config, routing, dispatch, token, row);
  Real along{0};
  for (const auto r : routes) {
    along += gradients[r] * values[r];
    score_gradient[dispatch.expert(r)] = scale * gradients[r];
  }
  for_normalised(config, routing, dispatch, token, [&](std::size_t e) {
    const Real slope = weighing.softmax ? weighing.share(row[e]) : Real{1} / weighing.sum;
    score_gradient[e] = slope * (score_gradient[e] - along);
  });
}

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
    const Weighing<Real> weighing(config, routing, dispatch, t, row);
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
  normalised_backward<Real>(config, routing, dispatch, token, row, values_, gradients, score_gradient);
}

template class Gates<float>;
template class Gates<double>;

}  // namespace pastonly::model

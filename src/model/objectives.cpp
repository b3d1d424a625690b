#include "model/objectives.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "kernels/elementary.h"
#include "kernels/rows.h"
#include "stats/random.h"

namespace pastonly::model {
namespace {

template <class Real>
double log_sum_exp(const Real* logits, std::size_t size) {
  const Real most = kernels::largest(logits, size);
  return static_cast<double>(most) +
         kernels::log(static_cast<double>(kernels::exponential_sum(logits, size, most)));
}

/// One token's scores as probabilities over the experts.
template <class Real>
void probabilities(const ModelConfig& config, const Real* scores, Real* out) {
  const std::size_t size = config.experts;
  Real total{0};
  switch (config.router.score) {
    case Score::softmax:
    case Score::noisy:
      std::copy(scores, scores + size, out);
      return;
    case Score::sigmoid:
      std::copy(scores, scores + size, out);
      for (std::size_t e = 0; e < size; ++e) total += scores[e];
      break;
    case Score::cosine:
    case Score::autonomy:
      total = kernels::exponentials(scores, size, kernels::largest(scores, size), out);
      break;
  }
  kernels::scale(out, size, Real{1} / total);
}

std::size_t valid_tokens(const Batch& batch) {
  std::size_t count = 0;
  for (std::size_t t = 0; t < batch.layout.tokens(); ++t) count += batch.is_valid(t) ? 1 : 0;
  return count;
}

template <class Real>
void measure_layer(const ModelConfig& config, const LayerTensors& tensors, const Arena<Real>& parameters,
                   const Objectives& objectives, std::size_t l, Workspace<Real>& w) {
  const double share = 1.0 / static_cast<double>(config.layers - config.dense_layers);
  LayerState<Real>& layer = w.layers[l];
  if (objectives.balance != 0.0)
    w.losses.balance += share * balance_loss<Real>(config, w.batch(), layer, layer.balance_slope);
  if (objectives.z != 0.0) w.losses.z += share * z_loss<Real>(w.batch(), layer);
  if (objectives.orthogonality != 0.0)
    w.losses.orthogonality += share * orthogonality_loss<Real>(parameters.block(*tensors.router));
  if (objectives.coupling != 0.0) {
    const auto coupling =
        coupling_of<Real>(objectives, parameters.block(*tensors.router), parameters.block(*tensors.expert_in),
                          config.expert_width, w.seed, l);
    w.losses.coupling += share * coupling.loss();
  }
}

}  // namespace

template <class Real>
void measure_losses(const ModelConfig& config, const ParameterTable& table, const Arena<Real>& parameters,
                    const Objectives& objectives, Workspace<Real>& w) {
  w.losses = {};
  double sum = 0.0;
  for (std::size_t t = 0; t < w.layout.tokens(); ++t) {
    if (!w.batch().predicts(t)) continue;
    sum -= w.log_probs[t];
    ++w.losses.predicted;
  }
  if (w.losses.predicted > 0) w.losses.cross_entropy = sum / static_cast<double>(w.losses.predicted);
  for (std::size_t l = config.dense_layers; l < config.layers; ++l)
    measure_layer(config, table.layers[l], parameters, objectives, l, w);
}

template <class Real>
RouterWeights<Real> router_weights(const LayerTensors& tensors, const Arena<Real>& parameters,
                                   const LayerState<Real>& layer) {
  RouterWeights<Real> weights;
  weights.router = tensors.router ? parameters.block(*tensors.router) : layer.directions.block();
  if (tensors.noise) weights.noise = parameters.block(*tensors.noise);
  if (tensors.expert_down) weights.down = parameters.block(*tensors.expert_down);
  return weights;
}

template <class Real>
double balance_loss(const ModelConfig& config, const Batch& batch, const LayerState<Real>& layer,
                    std::vector<double>& slope) {
  const std::size_t experts = config.experts;
  std::vector<double> means(experts, 0.0);  // P
  std::vector<Real> row(experts);
  slope.assign(experts, 0.0);
  double routes = 0.0;
  for (std::size_t t = 0; t < batch.layout.tokens(); ++t) {
    if (!batch.is_valid(t)) continue;
    probabilities(config, layer.router.scores.row(t), row.data());
    for (std::size_t e = 0; e < experts; ++e) {
      means[e] += static_cast<double>(row[e]);
      slope[e] += layer.routing.selected(t, e);
      routes += layer.routing.selected(t, e);
    }
  }
  const double tokens = static_cast<double>(valid_tokens(batch));
  double loss = 0.0;
  for (std::size_t e = 0; e < experts; ++e) {
    slope[e] *= routes > 0.0 ? static_cast<double>(experts) / routes : 0.0;
    loss += slope[e] * means[e] / tokens;
  }
  return tokens > 0.0 ? loss : 0.0;
}

template <class Real>
void balance_backward(const ModelConfig& config, const Real* scores, const std::vector<double>& slope,
                      double factor, Real* d_scores) {
  const std::size_t experts = config.experts;
  const bool sigmoid = config.router.score == Score::sigmoid;
  const bool direct = config.router.score == Score::softmax || config.router.score == Score::noisy;
  Real sum{0}, largest = scores[0], along{0};
  for (std::size_t e = 0; e < experts; ++e) largest = std::max(largest, scores[e]);
  const auto weight = [&](std::size_t e) { return sigmoid ? scores[e] : kernels::exp(scores[e] - largest); };
  for (std::size_t e = 0; e < experts && !direct; ++e) {
    sum += weight(e);
    along += weight(e) * static_cast<Real>(slope[e]);
  }
  for (std::size_t e = 0; e < experts; ++e) {
    const Real own = static_cast<Real>(slope[e]);
    const Real by_score = sigmoid ? Real{1} / sum : weight(e) / sum;
    d_scores[e] += static_cast<Real>(factor) * (direct ? own : by_score * (own - along / sum));
  }
}

template <class Real>
double z_loss(const Batch& batch, const LayerState<Real>& layer) {
  double sum = 0.0;
  for (std::size_t t = 0; t < batch.layout.tokens(); ++t) {
    if (!batch.is_valid(t)) continue;
    const double log_sum = log_sum_exp(layer.router.logits.row(t), layer.router.logits.columns());
    sum += log_sum * log_sum;
  }
  const std::size_t tokens = valid_tokens(batch);
  return tokens > 0 ? sum / static_cast<double>(tokens) : 0.0;
}

template <class Real>
void z_backward(const Real* logits, std::size_t experts, double factor, Real* d_logits) {
  const auto log_sum = static_cast<Real>(log_sum_exp(logits, experts));
  const Real slope = static_cast<Real>(2.0 * factor) * log_sum;
  Real part[64];  // element by element, so how a row is cut does not show
  for (std::size_t at = 0; at < experts; at += std::size(part)) {
    const std::size_t size = std::min(std::size(part), experts - at);
    kernels::scaled_exponentials(logits + at, size, log_sum, slope, part);
    kernels::accumulate<Real>(d_logits + at, part, size);
  }
}

#define PASTONLY_OBJECTIVES(Real)                                                                           \
  template void measure_losses<Real>(const ModelConfig&, const ParameterTable&, const Arena<Real>&,         \
                                     const Objectives&, Workspace<Real>&);                                  \
  template RouterWeights<Real> router_weights<Real>(const LayerTensors&, const Arena<Real>&,                \
                                                    const LayerState<Real>&);                               \
  template double balance_loss<Real>(const ModelConfig&, const Batch&, const LayerState<Real>&,             \
                                     std::vector<double>&);                                                 \
  template void balance_backward<Real>(const ModelConfig&, const Real*, const std::vector<double>&, double, \
                                       Real*);                                                              \
  template double z_loss<Real>(const Batch&, const LayerState<Real>&);                                      \
  template void z_backward<Real>(const Real*, std::size_t, double, Real*);
PASTONLY_OBJECTIVES(float)
PASTONLY_OBJECTIVES(double)
#undef PASTONLY_OBJECTIVES

}  // namespace pastonly::model

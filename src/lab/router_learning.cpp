#include "lab/router_learning.h"

#include <cmath>
#include <optional>

#include "kernels/products.h"
#include "kernels/rows.h"
#include "kernels/swiglu.h"
#include "lab/gradient_alignment.h"
#include "model/soft.h"

namespace pastonly::lab {
namespace {

using Frozen = Report::Experiment::Routers::Frozen;
using kernels::Block;
using kernels::Matrix;
using Layer = model::LayerState<float>;

constexpr std::size_t widest = 128;

/// Pearson's correlation of pairs that come one by one.
class Correlation {
 public:
  void add(double x, double y) {
    ++count_;
    // Welford's means, so that a large common value costs no digits.
    const double before = x - x_, share = 1.0 / count_;
    x_ += share * before;
    xx_ += before * (x - x_);
    xy_ += before * (y - y_) * (1.0 - share);
    const double rise = y - y_;
    y_ += share * rise;
    yy_ += rise * (y - y_);
  }
  std::optional<double> value() const {
    if (count_ < 3.0 || !(xx_ > 0.0) || !(yy_ > 0.0)) return std::nullopt;
    return xy_ / std::sqrt(xx_ * yy_);
  }

 private:
  double count_ = 0.0, x_ = 0.0, y_ = 0.0, xx_ = 0.0, yy_ = 0.0, xy_ = 0.0;
};

/// Mean of those that are there.
class MeanOf {
 public:
  void add(const std::optional<double>& value) {
    if (!value) return;
    sum_ += *value;
    ++count_;
  }
  std::optional<double> value() const {
    return count_ > 0 ? std::optional(sum_ / static_cast<double>(count_)) : std::nullopt;
  }

 private:
  double sum_ = 0.0;
  std::size_t count_ = 0;
};

/// Every expert's activation on every token, against its score.
void measure_activations(const model::Network<float>& network, std::size_t l, const Layer& layer,
                         Frozen& out) {
  const auto& config = network.config();
  const std::size_t tokens = layer.normed2.rows(), f = config.expert_width;
  Matrix<float> gate_up, act;
  gate_up.resize(tokens, 2 * f);
  act.resize(tokens, f);
  MeanOf routed, all;
  for (std::size_t e = 0; e < config.experts; ++e) {
    kernels::product_nt<float>(layer.normed2.block(),
                               network.parameters().expert(*network.table().layers[l].expert_in, e),
                               gate_up.block());
    kernels::swiglu<float>(gate_up.block().column_range(0, f), gate_up.block().column_range(f, f), nullptr,
                           act.block());
    Correlation of_routed, of_all;
    for (std::size_t t = 0; t < tokens; ++t) {
      const double norm = std::sqrt(static_cast<double>(kernels::inner<float>(act.row(t), act.row(t), f)));
      const auto score = static_cast<double>(layer.router.scores.row(t)[e]);
      of_all.add(score, norm);
      if (layer.routing.mask(t, e) != 0) of_routed.add(score, norm);
    }
    routed.add(of_routed.value());
    all.add(of_all.value());
  }
  out.activation_routed = routed.value();
  out.activation_all = all.value();
}

void measure_gradients(const model::Network<float>& network, std::size_t l,
                       const model::Arena<float>& gradients, Frozen& out) {
  const auto& tensors = network.table().layers[l];
  std::vector<Block<const float>> gates;
  for (std::size_t e = 0; e < network.config().experts; ++e)
    gates.push_back(gradients.expert(*tensors.expert_in, e).row_range(0, network.config().expert_width));
  const auto alignment = gradient_alignment(gradients.block(*tensors.router), gates);
  if (!alignment) return;
  out.alignment = alignment->own;
  out.alignment_other = alignment->other;
  out.share = alignment->own_share;
  out.share_other = alignment->other_share;
  out.directions = alignment->directions;
}

}  // namespace

std::vector<Frozen> router_learning(const model::Network<float>& network, const model::Batch& batch,
                                    std::uint64_t seed) {
  const auto& config = network.config();
  std::vector<Frozen> out;
  if (model::is_soft(config.router) || config.dense_layers >= config.layers) return out;
  const model::Objectives none;
  model::Workspace<float> workspace;
  network.forward(batch, {.training = false, .seed = seed}, none, workspace);
  const bool activations = config.router.score != model::Score::autonomy;
  for (std::size_t l = config.dense_layers; l < config.layers; ++l) {
    out.emplace_back().layer = static_cast<std::uint32_t>(l);
    if (activations) measure_activations(network, l, workspace.layers[l], out.back());
  }
  const bool rows = activations && config.router.score != model::Score::cosine;
  if (!rows || config.width > widest) return out;
  model::Arena<float> gradients(network.table());
  network.backward(none, workspace, gradients);
  for (Frozen& layer : out) measure_gradients(network, layer.layer, gradients, layer);
  return out;
}

}  // namespace pastonly::lab

#include <algorithm>
#include <cmath>
#include <numeric>

#include "kernels/elementary.h"
#include "kernels/norm.h"
#include "kernels/products.h"
#include "kernels/rows.h"
#include "kernels/swiglu.h"
#include "model/attention.h"
#include "model/experts.h"
#include "model/network.h"
#include "model/objectives.h"
#include "model/qkv.h"
#include "model/soft.h"
#include "model/token_blocks.h"
#include "stats/random.h"

namespace pastonly::model {
namespace {

/// One forward pass; its methods are the passes over tokens, heads and experts, in order.
template <class Real>
class Forward {
 public:
  Forward(const ModelConfig& config, const ParameterTable& table, const Arena<Real>& parameters,
          const std::vector<LayerRouter>& routers, const ForwardOptions& options, Workspace<Real>& workspace)
      : config_(config),
        table_(table),
        parameters_(parameters),
        routers_(routers),
        options_(options),
        w_(workspace),
        blocks_(workspace.layout.tokens()) {}

  void run() {
    blocks_.for_each([&](Rows rows) { embed(rows); });
    for (std::size_t l = 0; l < config_.layers; ++l) {
      blocks_.for_each([&](Rows rows) {
        if (l > 0) add_experts(l - 1, rows);
        before_attention(l, rows);
      });
      attend(l);
      prepare_router(l);
      blocks_.for_each([&](Rows rows) { after_attention(l, rows); });
      if (!config_.is_dense(l)) route_and_run_experts(l);
    }
    w_.log_probs.resize(w_.layout.tokens());
    blocks_.for_each([&](Rows rows) {
      if (config_.layers > 0) add_experts(config_.layers - 1, rows);
      predict(rows);
    });
  }

 private:
  Matrix<Real>& output_of(std::size_t l) {
    return l + 1 < config_.layers ? w_.layers[l + 1].input : w_.output;
  }

  /// Whether something joins the output before the experts do; else they add to the stream's middle.
  bool starts_output(std::size_t l) const {
    return config_.is_dense(l) || config_.shared_width > 0 || is_soft(config_.router);
  }

  void embed(Rows rows) {
    auto& stream = config_.layers > 0 ? w_.layers[0].input : w_.output;
    const auto embedding = parameters_.block(table_.embedding);
    for (std::size_t t = rows.first; t < rows.first + rows.count; ++t) {
      const Real* from = embedding.row(static_cast<std::size_t>(w_.tokens[t]));
      std::copy(from, from + config_.width, stream.row(t));
    }
  }

  void before_attention(std::size_t l, Rows rows) {
    LayerState<Real>& layer = w_.layers[l];
    const LayerTensors& tensors = table_.layers[l];
    kernels::rms_norm<Real>(layer.input.block(rows.first, rows.count), parameters_.data(*tensors.norm1),
                            static_cast<Real>(config_.norm_epsilon),
                            layer.normed1.block(rows.first, rows.count), layer.inverse1.data() + rows.first);
    kernels::product_nt<Real>(layer.normed1.block(rows.first, rows.count), parameters_.block(*tensors.qkv),
                              layer.qkv.block(rows.first, rows.count));
    finish_qkv<Real>(config_, tensors, parameters_, w_.rotary, w_.layout, rows, layer);
  }

  void attend(std::size_t l) {
    LayerState<Real>& layer = w_.layers[l];
    stats::parallel_for(w_.layout.sequences * config_.kv_heads, [&](std::size_t task) {
      Buffer<Real>& scratch = w_.attention_scratch.local();
      scratch.resize(attention_scratch<Real>(w_.layout.positions));
      const std::size_t sequence = task / config_.kv_heads, kv = task % config_.kv_heads;
      attention<Real>(attention_head<Real>(config_, w_.layout, sequence, kv, layer),
                      group_columns<Real>(config_, w_.layout, sequence, kv, layer.attended.block()),
                      scratch.data());
    });
  }

  void prepare_router(std::size_t l) {
    if (config_.is_dense(l)) return;
    LayerState<Real>& layer = w_.layers[l];
    if (config_.router.score == Score::noisy)
      draw_noise(w_.layout, layer_seed(l), options_.training, layer.router);
    if (config_.router.score == Score::cosine) routers_[l].centroids.directions(layer.directions);
  }

  void after_attention(std::size_t l, Rows rows) {
    LayerState<Real>& layer = w_.layers[l];
    const LayerTensors& tensors = table_.layers[l];
    const auto middle = layer.middle.block(rows.first, rows.count);
    kernels::product_nt<Real>(layer.attended.block(rows.first, rows.count),
                              parameters_.block(*tensors.attention), middle);
    const auto x = layer.normed2.block(rows.first, rows.count);
    kernels::add_and_norm<Real>(layer.input.block(rows.first, rows.count), middle,
                                parameters_.data(*tensors.norm2), static_cast<Real>(config_.norm_epsilon), x,
                                layer.inverse2.data() + rows.first);
    const auto out = output_of(l).block(rows.first, rows.count);
    if (starts_output(l)) std::copy(middle.data, middle.data + rows.count * config_.width, out.data);
    if (config_.is_dense(l)) return dense(layer, rows, *tensors.dense_in, *tensors.dense_out, nullptr, out);
    score<Real>(config_, router_weights(tensors, parameters_, layer), x, rows.first, layer.router);
    if (!tensors.shared_in) return;
    const Real* weights = nullptr;
    if (tensors.shared_gate) {
      const auto weight = layer.shared_weight.block(rows.first, rows.count);
      kernels::product_nt<Real>(x, parameters_.block(*tensors.shared_gate), weight);
      kernels::logistic<Real>(weight.data, rows.count, weight.data);
      weights = weight.data;
    }
    dense(layer, rows, *tensors.shared_in, *tensors.shared_out, weights, out);
  }

  /// A SwiGLU that every token passes, added to `out`.
  void dense(LayerState<Real>& layer, Rows rows, std::size_t in, std::size_t down, const Real* weights,
             Block<Real> out) {
    const auto gate_up = layer.dense_gate_up.block(rows.first, rows.count);
    const auto act = layer.dense_act.block(rows.first, rows.count);
    kernels::product_nt<Real>(layer.normed2.block(rows.first, rows.count), parameters_.block(in), gate_up);
    kernels::swiglu<Real>(gate_up.column_range(0, act.columns),
                          gate_up.column_range(act.columns, act.columns), weights, act);
    kernels::product_nt<Real>(act, parameters_.block(down), out, kernels::Write::add);
  }

  void route_and_run_experts(std::size_t l) {
    LayerState<Real>& layer = w_.layers[l];
    const RoutingRule& rule = !options_.rules.empty()    ? *options_.rules[l]
                              : options_.rule != nullptr ? *options_.rule
                                                         : *routers_[l].rule;
    select<Real>(rule, layer.router.scores.block(), w_.batch(), layer_seed(l), w_.selection, layer.routing);
    if (config_.router.update == StateUpdate::before_use) route_again(l, rule);
    if (is_soft(config_.router)) {
      soft_dispatch<Real>(config_, rule, layer, w_);
    } else {
      layer.dispatch.build(layer.routing.mask);
      layer.gates.compute(config_.router, layer.router.scores.block(), layer.routing, layer.dispatch);
      resize_routes<Real>(config_, layer, w_);
    }
    const auto& ranges = layer.dispatch.ranges();
    stats::parallel_for(ranges.size(), [&](std::size_t i) {
      experts_forward<Real>(config_, table_.layers[l], parameters_, ranges[i], layer, w_);
    });
    if (is_soft(config_.router)) keep_slot_outputs<Real>(layer, w_);
  }

  /// The known mistake: the state follows this batch first, and the batch is then routed by it. On a copy:
  /// what is kept is learned once, by Network::learn.
  void route_again(std::size_t l, const RoutingRule& rule) {
    LayerState<Real>& layer = w_.layers[l];
    if (config_.router.score == Score::cosine) {
      Centroids moved = routers_[l].centroids;
      moved.template learn<Real>(layer.normed2.block(), layer.routing.mask, config_.router.centroid_rate);
      moved.directions(layer.directions);
      blocks_.for_each([&](Rows rows) {
        score<Real>(config_, router_weights(table_.layers[l], parameters_, layer),
                    layer.normed2.block(rows.first, rows.count), rows.first, layer.router);
      });
    }
    auto copy = make_rule(rule.id(), rule.parameters());
    if (!copy) return;  // parameters() of a living rule always make one
    learn<Real>(**copy, layer.router.scores.block(), layer.routing.mask, w_.selection);
    // A rule without state selects itself: it may stand for more than its parameters say (a permuted order).
    const RoutingRule& second = (*copy)->parameters() == rule.parameters() ? rule : **copy;
    select<Real>(second, layer.router.scores.block(), w_.batch(), layer_seed(l), w_.selection, layer.routing);
  }

  /// Expert outputs join the stream, in order of expert.
  void add_experts(std::size_t l, Rows rows) {
    if (config_.is_dense(l)) return;
    Matrix<Real>& out = output_of(l);
    if (is_soft(config_.router))
      return soft_combine<Real>(w_.layers[l], rows, out.block(rows.first, rows.count));
    const LayerState<Real>& layer = w_.layers[l];
    for (std::size_t t = rows.first; t < rows.first + rows.count; ++t)
      kernels::add_rows<Real>(starts_output(l) ? out.row(t) : layer.middle.row(t), w_.expert_rows.row(0),
                              layer.dispatch.routes_of(t), config_.width, out.row(t));
  }

  void predict(Rows rows) {
    const auto x = w_.final_normed.block(rows.first, rows.count);
    kernels::rms_norm<Real>(w_.output.block(rows.first, rows.count), parameters_.data(table_.final_norm),
                            static_cast<Real>(config_.norm_epsilon), x, w_.final_inverse.data() + rows.first);
    kernels::product_nt<Real>(x, parameters_.block(table_.head_or_embedding()),
                              w_.logits.block(rows.first, rows.count));
    const Batch batch = w_.batch();
    for (std::size_t t = rows.first; t < rows.first + rows.count; ++t) {
      w_.log_probs[t] = 0.0;
      if (!batch.predicts(t)) continue;
      const Real* logits = w_.logits.row(t);
      const Real most = kernels::largest(logits, config_.vocab);
      // A trace's probabilities must sum to 1 to better than float's rounding; a loss need not.
      const double sum =
          options_.exact_log_probs
              ? kernels::exact_exponential_sum(logits, config_.vocab, static_cast<double>(most))
              : static_cast<double>(kernels::exponential_sum(logits, config_.vocab, most));
      w_.log_probs[t] =
          static_cast<double>(logits[w_.tokens[t + 1]]) - static_cast<double>(most) - kernels::log(sum);
    }
  }

  std::uint64_t layer_seed(std::size_t l) const { return stats::CounterRng(options_.seed, l).bits64(); }

  const ModelConfig& config_;
  const ParameterTable& table_;
  const Arena<Real>& parameters_;
  const std::vector<LayerRouter>& routers_;
  const ForwardOptions& options_;
  Workspace<Real>& w_;
  TokenBlocks blocks_;
};

}  // namespace

template <class Real>
void Network<Real>::forward(const Batch& batch, const ForwardOptions& options, const Objectives& objectives,
                            Workspace<Real>& workspace) const {
  prepare<Real>(config_, batch, workspace);
  workspace.seed = options.seed;
  Forward<Real>(config_, *table_, parameters_, routers_, options, workspace).run();
  measure_losses<Real>(config_, *table_, parameters_, objectives, workspace);
}

template void Network<float>::forward(const Batch&, const ForwardOptions&, const Objectives&,
                                      Workspace<float>&) const;
template void Network<double>::forward(const Batch&, const ForwardOptions&, const Objectives&,
                                       Workspace<double>&) const;

}  // namespace pastonly::model

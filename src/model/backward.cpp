#include <algorithm>
#include <cmath>
#include <utility>

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
#include "model/weight_gradients.h"

namespace pastonly::model {
namespace {

/// One backward pass; its methods mirror those of the forward pass, last to first.
template <class Real>
class Backward {
 public:
  Backward(const ModelConfig& config, const ParameterTable& table, const Arena<Real>& parameters,
           const Objectives& objectives, Workspace<Real>& workspace, Arena<Real>& gradients)
      : config_(config),
        table_(table),
        parameters_(parameters),
        objectives_(objectives),
        w_(workspace),
        gradients_(gradients),
        blocks_(workspace.layout.tokens()) {
    for (std::size_t t = 0; t < w_.layout.tokens(); ++t) valid_ += w_.batch().is_valid(t) ? 1 : 0;
  }

  void run() {
    prepare_backward(config_, blocks_.count(), w_);
    blocks_.for_each([&](Rows rows) { predict(rows); });
    sum_gain(table_.final_norm, 0);
    head_gradient(table_, w_, gradients_);
    for (std::size_t l = config_.layers; l-- > 0;) layer_backward(l);
    embedding_gradient(table_, w_, gradients_);
  }

 private:
  void layer_backward(std::size_t l) {
    LayerState<Real>& layer = w_.layers[l];
    const LayerTensors& tensors = table_.layers[l];
    if (!config_.is_dense(l)) run_experts(l);
    blocks_.for_each([&](Rows rows) { to_middle(l, rows); });
    attend(layer);
    blocks_.for_each([&](Rows rows) { to_input(l, rows); });
    sum_gain(*tensors.norm2, second_norm());
    sum_gain(*tensors.norm1, 0);
    if (tensors.q_norm) sum_gain(*tensors.q_norm, q_gain());
    if (tensors.k_norm) sum_gain(*tensors.k_norm, k_gain());
    weight_gradients(config_, tensors, layer, w_, gradients_);
    if (!config_.is_dense(l)) router_objectives(l);
    std::swap(w_.d_stream, w_.d_input);
  }

  void predict(Rows rows) {
    const Batch batch = w_.batch();
    const Real share = Real{1} / static_cast<Real>(std::max<std::size_t>(1, w_.losses.predicted));
    for (std::size_t t = rows.first; t < rows.first + rows.count; ++t) {
      Real* logits = w_.logits.row(t);
      if (!batch.predicts(t)) {
        std::fill(logits, logits + config_.vocab, Real{0});
        continue;
      }
      const auto next = static_cast<std::size_t>(w_.tokens[t + 1]);
      const Real log_sum = logits[next] - static_cast<Real>(w_.log_probs[t]);
      kernels::scaled_exponentials(logits, config_.vocab, log_sum, share, logits);
      logits[next] -= share;
    }
    const auto d_normed = w_.d_normed.block(rows.first, rows.count);
    kernels::product_nn<Real>(w_.logits.block(rows.first, rows.count),
                              parameters_.block(table_.head_or_embedding()), d_normed);

    kernels::rms_norm_backward<Real>(
        d_normed, w_.output.block(rows.first, rows.count), parameters_.data(table_.final_norm),
        w_.final_inverse.data() + rows.first, {}, w_.d_stream.block(rows.first, rows.count),
        gain_part(rows, 0, config_.width));
  }

  void run_experts(std::size_t l) {
    LayerState<Real>& layer = w_.layers[l];
    resize_route_gradients<Real>(config_, layer, w_);
    if (config_.router.score == Score::autonomy)
      std::fill(w_.d_router.down.buffer().begin(), w_.d_router.down.buffer().end(), Real{0});
    const bool soft = is_soft(config_.router);
    if (soft) soft_output_gradients<Real>(layer, w_);
    const auto& ranges = layer.dispatch.ranges();
    stats::parallel_for(ranges.size(), [&](std::size_t i) {
      experts_backward<Real>(config_, table_.layers[l], parameters_, ranges[i], layer, w_);
    });
    if (soft) return soft_weight_gradients<Real>(layer, w_);
    layer.gates.prepare_backward(config_.router, layer.dispatch, gate_gradients());
  }

  std::span<const Real> gate_gradients() const { return {w_.d_gates.data(), w_.d_gates.size()}; }

  /// From the layer's output to the stream between attention and experts, and to attention's output.
  void to_middle(std::size_t l, Rows rows) {
    LayerState<Real>& layer = w_.layers[l];
    const LayerTensors& tensors = table_.layers[l];
    const auto d_normed = w_.d_normed.block(rows.first, rows.count);
    if (config_.is_dense(l)) {
      dense(layer, rows, *tensors.dense_in, *tensors.dense_out, kernels::Write::overwrite);
    } else {
      router(layer, tensors, rows, d_normed);
      for (std::size_t t = rows.first; t < rows.first + rows.count; ++t)
        kernels::add_rows<Real>(w_.d_normed.row(t), w_.d_rows.row(0), layer.dispatch.routes_of(t),
                                config_.width, w_.d_normed.row(t));
      if (tensors.shared_in) dense(layer, rows, *tensors.shared_in, *tensors.shared_out, kernels::Write::add);
      if (tensors.shared_gate) shared_gate(layer, *tensors.shared_gate, rows);
    }
    const auto d_middle = w_.d_middle.block(rows.first, rows.count);

    kernels::rms_norm_backward<Real>(d_normed, layer.middle.block(rows.first, rows.count),
                                     parameters_.data(*tensors.norm2), layer.inverse2.data() + rows.first,
                                     w_.d_stream.block(rows.first, rows.count), d_middle,
                                     gain_part(rows, second_norm(), config_.width));
    kernels::product_nn<Real>(d_middle, parameters_.block(*tensors.attention),
                              w_.d_attended.block(rows.first, rows.count));
  }

  void router(LayerState<Real>& layer, const LayerTensors& tensors, Rows rows, Block<Real> d_normed) {
    const std::size_t moe_layers = config_.layers - config_.dense_layers;
    const double share = 1.0 / static_cast<double>(moe_layers * std::max<std::size_t>(1, valid_));
    for (std::size_t t = rows.first; t < rows.first + rows.count; ++t) {
      Real* d_scores = w_.d_router.scores.row(t);
      Real* d_logits = w_.d_router.logits.row(t);
      if (!is_soft(config_.router)) {
        layer.gates.backward_token(config_.router, t, layer.router.scores.block(), layer.routing,
                                   layer.dispatch, gate_gradients(), {d_scores, config_.experts});
        std::fill(d_logits, d_logits + config_.experts, Real{0});
      }
      if (!w_.batch().is_valid(t)) continue;
      if (objectives_.balance != 0.0)
        balance_backward(config_, layer.router.scores.row(t), layer.balance_slope,
                         objectives_.balance * share, d_scores);
      if (objectives_.z != 0.0)
        z_backward(layer.router.logits.row(t), config_.experts, objectives_.z * share, d_logits);
    }
    score_backward<Real>(config_, router_weights(tensors, parameters_, layer),
                         layer.normed2.block(rows.first, rows.count), rows.first, layer.router, w_.d_router,
                         d_normed);
    if (is_soft(config_.router)) soft_input_gradients<Real>(layer, w_, rows, d_normed);
  }

  /// A SwiGLU that every token passes: from d_stream to d_normed.
  void dense(LayerState<Real>& layer, Rows rows, std::size_t in, std::size_t down, kernels::Write write) {
    const auto gate_up = layer.dense_gate_up.block(rows.first, rows.count);
    const Block<Real> d_act(w_.d_dense_act.row(rows.first), rows.count, layer.dense_act.columns(),
                            w_.d_dense_act.columns());
    const bool weighted = layer.shared_weight.rows() > 0;
    kernels::product_nn<Real>(w_.d_stream.block(rows.first, rows.count), parameters_.block(down), d_act);
    kernels::swiglu_backward<Real>(d_act, weighted ? layer.shared_weight.row(rows.first) : nullptr,
                                   gate_up.column_range(0, d_act.columns),
                                   gate_up.column_range(d_act.columns, d_act.columns),
                                   weighted ? w_.d_shared_weight.row(rows.first) : nullptr);
    kernels::product_nn<Real>(gate_up, parameters_.block(in), w_.d_normed.block(rows.first, rows.count),
                              write);
  }

  void shared_gate(const LayerState<Real>& layer, std::size_t gate, Rows rows) {
    for (std::size_t t = rows.first; t < rows.first + rows.count; ++t) {
      const Real weight = *layer.shared_weight.row(t);
      Real& d = *w_.d_shared_weight.row(t);
      d *= weight * (Real{1} - weight);
      kernels::accumulate<Real>(w_.d_normed.row(t), parameters_.data(gate), config_.width, d);
    }
  }

  void attend(LayerState<Real>& layer) {
    const Layout& layout = w_.layout;
    stats::parallel_for(layout.sequences * config_.kv_heads, [&](std::size_t task) {
      Buffer<Real>& scratch = w_.attention_scratch.local();
      scratch.resize(attention_scratch<Real>(layout.positions));
      const std::size_t sequence = task / config_.kv_heads, kv = task % config_.kv_heads;
      auto head = attention_head<Real>(config_, layout, sequence, kv, layer);
      head.outputs = group_columns<Real>(config_, layout, sequence, kv, layer.attended.block());
      const std::size_t group = config_.heads / config_.kv_heads, width = config_.head_width;
      const std::size_t keys = config_.query_columns(), values = keys + config_.kv_columns();
      const auto d = w_.d_qkv.block(sequence * layout.positions, layout.positions);
      attention_backward<Real>(
          head,
          {group_columns<Real>(config_, layout, sequence, kv, w_.d_attended.block()),
           d.column_range(kv * group * width, group * width), d.column_range(keys + kv * width, width),
           d.column_range(values + kv * width, width)},
          scratch.data());
    });
  }

  void to_input(std::size_t l, Rows rows) {
    const LayerState<Real>& layer = w_.layers[l];
    const LayerTensors& tensors = table_.layers[l];
    finish_qkv_backward<Real>(config_, tensors, parameters_, w_.rotary, w_.layout, rows, layer, w_.d_qkv,
                              w_.d_qkv_normed, gain_part(rows, q_gain(), config_.qkv_columns()),
                              gain_part(rows, k_gain(), config_.qkv_columns()));
    const auto d_normed = w_.d_normed.block(rows.first, rows.count);
    kernels::product_nn<Real>(w_.d_qkv.block(rows.first, rows.count), parameters_.block(*tensors.qkv),
                              d_normed);

    kernels::rms_norm_backward<Real>(
        d_normed, layer.input.block(rows.first, rows.count), parameters_.data(*tensors.norm1),
        layer.inverse1.data() + rows.first, w_.d_middle.block(rows.first, rows.count),
        w_.d_input.block(rows.first, rows.count), gain_part(rows, 0, config_.width));
  }

  /// Objectives that read the weights themselves.
  void router_objectives(std::size_t l) {
    const LayerTensors& tensors = table_.layers[l];
    const double share = 1.0 / static_cast<double>(config_.layers - config_.dense_layers);
    if (objectives_.orthogonality != 0.0)
      orthogonality_backward<Real>(parameters_.block(*tensors.router), share * objectives_.orthogonality,
                                   gradients_.block(*tensors.router));
    if (objectives_.coupling == 0.0) return;
    const auto coupling =
        coupling_of<Real>(objectives_, parameters_.block(*tensors.router),
                          parameters_.block(*tensors.expert_in), config_.expert_width, w_.seed, l);
    coupling.backward(share * objectives_.coupling, gradients_.block(*tensors.router),
                      gradients_.block(*tensors.expert_in));
  }

  // Gains collect their gradients per block of tokens, each at its own columns of gain_parts.
  std::size_t second_norm() const { return config_.width; }
  std::size_t q_gain() const { return 2 * config_.width; }
  std::size_t k_gain() const { return 2 * config_.width + config_.qkv_columns(); }
  Real* gain_part(Rows rows, std::size_t column, std::size_t size) {
    Real* part = w_.gain_parts.row(rows.index) + column;
    std::fill(part, part + size, Real{0});
    return part;
  }
  void sum_gain(std::size_t id, std::size_t column) {
    Real* total = gradients_.data(id);
    std::fill(total, total + table_[id].size(), Real{0});
    for (std::size_t block = 0; block < blocks_.count(); ++block)
      kernels::accumulate<Real>(total, w_.gain_parts.row(block) + column, table_[id].size());
  }

  const ModelConfig& config_;
  const ParameterTable& table_;
  const Arena<Real>& parameters_;
  const Objectives& objectives_;
  Workspace<Real>& w_;
  Arena<Real>& gradients_;
  TokenBlocks blocks_;
  std::size_t valid_ = 0;
};

}  // namespace

template <class Real>
void Network<Real>::backward(const Objectives& objectives, Workspace<Real>& workspace,
                             Arena<Real>& gradients) const {
  Backward<Real>(config_, *table_, parameters_, objectives, workspace, gradients).run();
}

template void Network<float>::backward(const Objectives&, Workspace<float>&, Arena<float>&) const;
template void Network<double>::backward(const Objectives&, Workspace<double>&, Arena<double>&) const;

}  // namespace pastonly::model

#include "model/workspace.h"

#include <algorithm>

namespace pastonly::model {
namespace {

template <class Real>
void prepare_layer(const ModelConfig& c, std::size_t index, std::size_t tokens, LayerState<Real>& layer) {
  layer.soft_tokens = 0;
  for (auto* matrix : {&layer.input, &layer.normed1, &layer.middle, &layer.normed2})
    matrix->resize(tokens, c.width);
  layer.inverse1.resize(tokens);
  layer.inverse2.resize(tokens);
  layer.qkv.resize(tokens, c.qkv_columns());
  if (c.qk_norm != QkNorm::none) {
    const bool whole = c.qk_norm == QkNorm::whole;
    layer.raw.resize(tokens, c.qkv_columns());
    layer.q_inverse.resize(tokens, whole ? 1 : c.heads);
    layer.k_inverse.resize(tokens, whole ? 1 : c.kv_heads);
  }
  layer.log_sums.resize(tokens, c.heads);
  layer.attended.resize(tokens, c.query_columns());
  const std::size_t dense = c.is_dense(index) ? c.dense_width : c.shared_width;
  layer.dense_gate_up.resize(tokens, 2 * dense);
  layer.dense_act.resize(tokens, dense);
  if (c.is_dense(index)) return;
  if (c.shared_gate) layer.shared_weight.resize(tokens, 1);
  layer.router.resize(c, tokens);
}

}  // namespace

template <class Real>
void prepare(const ModelConfig& config, const Batch& batch, Workspace<Real>& workspace) {
  const std::size_t tokens = batch.layout.tokens();
  workspace.layout = batch.layout;
  workspace.tokens.assign(batch.tokens.begin(), batch.tokens.end());
  workspace.valid.assign(batch.valid.begin(), batch.valid.end());
  workspace.layers.resize(config.layers);
  for (std::size_t l = 0; l < config.layers; ++l) prepare_layer(config, l, tokens, workspace.layers[l]);
  workspace.output.resize(tokens, config.width);
  workspace.final_normed.resize(tokens, config.width);
  workspace.final_inverse.resize(tokens);
  workspace.logits.resize(tokens, config.vocab);
  workspace.log_probs.resize(tokens);
  workspace.rotary.prepare(batch.layout.positions, config.head_width, config.rope_theta);
}

template <class Real>
void prepare_backward(const ModelConfig& c, std::size_t blocks, Workspace<Real>& w) {
  const std::size_t tokens = w.layout.tokens();
  for (auto* matrix : {&w.d_stream, &w.d_middle, &w.d_input, &w.d_normed}) matrix->resize(tokens, c.width);
  w.d_qkv.resize(tokens, c.qkv_columns());
  if (c.qk_norm != QkNorm::none) w.d_qkv_normed.resize(tokens, c.qkv_columns());
  w.d_attended.resize(tokens, c.query_columns());
  w.d_dense_act.resize(tokens, std::max(c.dense_layers > 0 ? c.dense_width : 0, c.shared_width));
  if (c.shared_gate) w.d_shared_weight.resize(tokens, 1);
  w.d_router.resize(c, tokens);
  w.gain_parts.resize(blocks, 2 * c.width + 2 * c.qkv_columns());
  w.ones.resize(tokens, 1);
  std::fill(w.ones.buffer().begin(), w.ones.buffer().end(), Real{1});
}

#define PASTONLY_WORKSPACE(Real)                                                   \
  template void prepare<Real>(const ModelConfig&, const Batch&, Workspace<Real>&); \
  template void prepare_backward<Real>(const ModelConfig&, std::size_t, Workspace<Real>&);
PASTONLY_WORKSPACE(float)
PASTONLY_WORKSPACE(double)
#undef PASTONLY_WORKSPACE

}  // namespace pastonly::model

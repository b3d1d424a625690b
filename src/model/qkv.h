#pragma once

#include "model/attention.h"
#include "model/parameters.h"
#include "model/token_blocks.h"
#include "model/workspace.h"

namespace pastonly::model {

// Between the projection to queries, keys and values and attention: bias, QK norm, rotation. A row of qkv
// holds all query heads, then all key heads, then all value heads.

template <class Real>
void finish_qkv(const ModelConfig& config, const LayerTensors& tensors, const Arena<Real>& parameters,
                const Rotary<Real>& rotary, const Layout& layout, Rows rows, LayerState<Real>& layer);
/// Turns d_qkv (T, qkv columns) from the gradient of what attention saw into that of the projection,
/// bias included; adds the gains' gradients to q_gain and k_gain. d_normed (T, qkv columns) is scratch.
template <class Real>
void finish_qkv_backward(const ModelConfig& config, const LayerTensors& tensors,
                         const Arena<Real>& parameters, const Rotary<Real>& rotary, const Layout& layout,
                         Rows rows, const LayerState<Real>& layer, Matrix<Real>& d_qkv,
                         Matrix<Real>& d_normed, Real* q_gain, Real* k_gain);

/// What one task of attention works on. `outputs` stays empty.
template <class Real>
QueryGroup<Real> attention_head(const ModelConfig& config, const Layout& layout, std::size_t sequence,
                                std::size_t kv_head, LayerState<Real>& layer) {
  const auto rows = layer.qkv.block(sequence * layout.positions, layout.positions);
  const std::size_t group = config.heads / config.kv_heads, width = config.head_width;
  const std::size_t keys = config.query_columns(), values = keys + config.kv_columns();
  return {rows.column_range(kv_head * group * width, group * width),
          rows.column_range(keys + kv_head * width, width),
          rows.column_range(values + kv_head * width, width),
          {},
          layer.log_sums.block(sequence * layout.positions, layout.positions)
              .column_range(kv_head * group, group)};
}
/// The group's columns of a (T, query columns) matrix.
template <class Real>
Block<Real> group_columns(const ModelConfig& config, const Layout& layout, std::size_t sequence,
                          std::size_t kv_head, Block<Real> matrix) {
  const std::size_t columns = config.heads / config.kv_heads * config.head_width;
  return matrix.row_range(sequence * layout.positions, layout.positions)
      .column_range(kv_head * columns, columns);
}

}  // namespace pastonly::model

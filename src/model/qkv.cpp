#include "model/qkv.h"

#include <algorithm>

#include "kernels/norm.h"
#include "kernels/rows.h"

namespace pastonly::model {
namespace {

/// A token's queries (or keys) as the rows that are normalised together: one per head, or a single one.
template <class T>
Block<T> norm_rows(const ModelConfig& config, T* first, std::size_t heads) {
  if (config.qk_norm == QkNorm::whole) return {first, 1, heads * config.head_width};
  return {first, heads, config.head_width};
}

}  // namespace

template <class Real>
void finish_qkv(const ModelConfig& config, const LayerTensors& tensors, const Arena<Real>& parameters,
                const Rotary<Real>& rotary, const Layout& layout, Rows rows, LayerState<Real>& layer) {
  const std::size_t columns = config.qkv_columns(), keys = config.query_columns();
  const auto epsilon = static_cast<Real>(config.norm_epsilon);
  for (std::size_t t = rows.first; t < rows.first + rows.count; ++t) {
    Real* row = layer.qkv.row(t);
    if (tensors.qkv_bias) kernels::accumulate<Real>(row, parameters.data(*tensors.qkv_bias), columns);
    if (tensors.q_norm) {
      std::copy(row, row + columns, layer.raw.row(t));
      const auto queries = norm_rows(config, row, config.heads);
      const auto key_rows = norm_rows(config, row + keys, config.kv_heads);
      kernels::rms_norm<Real>(queries, parameters.data(*tensors.q_norm), epsilon, queries,
                              layer.q_inverse.row(t));
      kernels::rms_norm<Real>(key_rows, parameters.data(*tensors.k_norm), epsilon, key_rows,
                              layer.k_inverse.row(t));
    }
    rotary.turn(row, config.heads + config.kv_heads, t % layout.positions, false);
  }
}

template <class Real>
void finish_qkv_backward(const ModelConfig& config, const LayerTensors& tensors,
                         const Arena<Real>& parameters, const Rotary<Real>& rotary, const Layout& layout,
                         Rows rows, const LayerState<Real>& layer, Matrix<Real>& d_qkv,
                         Matrix<Real>& d_normed, Real* q_gain, Real* k_gain) {
  const std::size_t keys = config.query_columns();
  const std::size_t normed = keys + config.kv_columns();  // columns that pass a norm
  for (std::size_t t = rows.first; t < rows.first + rows.count; ++t) {
    Real* row = d_qkv.row(t);
    rotary.turn(row, config.heads + config.kv_heads, t % layout.positions, true);
    if (!tensors.q_norm) continue;
    Real* outer = d_normed.row(t);
    std::copy(row, row + normed, outer);

    const Real* raw = layer.raw.row(t);
    kernels::rms_norm_backward<Real>(norm_rows<const Real>(config, outer, config.heads),
                                     norm_rows(config, raw, config.heads), parameters.data(*tensors.q_norm),
                                     layer.q_inverse.row(t), {}, norm_rows(config, row, config.heads),
                                     q_gain);
    kernels::rms_norm_backward<Real>(norm_rows<const Real>(config, outer + keys, config.kv_heads),
                                     norm_rows(config, raw + keys, config.kv_heads),
                                     parameters.data(*tensors.k_norm), layer.k_inverse.row(t), {},
                                     norm_rows(config, row + keys, config.kv_heads), k_gain);
  }
}

#define PASTONLY_QKV(Real)                                                                                   \
  template void finish_qkv<Real>(const ModelConfig&, const LayerTensors&, const Arena<Real>&,                \
                                 const Rotary<Real>&, const Layout&, Rows, LayerState<Real>&);               \
  template void finish_qkv_backward<Real>(const ModelConfig&, const LayerTensors&, const Arena<Real>&,       \
                                          const Rotary<Real>&, const Layout&, Rows, const LayerState<Real>&, \
                                          Matrix<Real>&, Matrix<Real>&, Real*, Real*);
PASTONLY_QKV(float)
PASTONLY_QKV(double)
#undef PASTONLY_QKV

}  // namespace pastonly::model

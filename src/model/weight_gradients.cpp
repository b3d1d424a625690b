#include "model/weight_gradients.h"

#include <algorithm>

#include "kernels/products.h"
#include "kernels/rows.h"
#include "stats/parallel.h"

namespace pastonly::model {
namespace {

constexpr std::size_t slice_rows = 192;     // of a weight's gradient per task
constexpr std::size_t stripe_columns = 64;  // of the embedding's gradient per task

template <class Real>
void add(Block<const Real> a, Block<const Real> b, Block<Real> c, Workspace<Real>& w) {
  for (std::size_t first = 0; first < c.rows; first += slice_rows) {
    const std::size_t rows = std::min(slice_rows, c.rows - first);
    w.products.push_back({a.column_range(first, rows), b, c.row_range(first, rows)});
  }
}

template <class Real>
void run(Workspace<Real>& w) {
  stats::parallel_for(w.products.size(), [&](std::size_t i) {
    const WeightProduct<Real>& task = w.products[i];
    kernels::product_tn<Real>(task.a, task.b, task.c);
  });
  w.products.clear();
}

template <class Real>
void add_experts(const ModelConfig& config, const LayerTensors& tensors, const LayerState<Real>& layer,
                 Workspace<Real>& w, Arena<Real>& gradients) {
  const std::size_t f = config.expert_width;
  for (std::size_t e = 0; e < config.experts; ++e) {
    // An expert without routes has products over no rows: zero.
    const auto rows = [&](const Matrix<Real>& matrix) {
      return matrix.block(layer.dispatch.first(e), layer.dispatch.count(e));
    };
    const auto gate_up = rows(layer.gate_up);
    add<Real>(rows(w.expert_rows), rows(layer.act), gradients.expert(*tensors.expert_out, e), w);
    if (tensors.expert_gate) {
      add<Real>(gate_up.column_range(f, f), rows(layer.gathered), gradients.expert(*tensors.expert_in, e), w);
      add<Real>(gate_up.column_range(0, f), rows(layer.gathered_down),
                gradients.expert(*tensors.expert_gate, e), w);
    } else {
      add<Real>(gate_up, rows(layer.gathered), gradients.expert(*tensors.expert_in, e), w);
    }
  }
}

}  // namespace

template <class Real>
void weight_gradients(const ModelConfig& config, const LayerTensors& tensors, const LayerState<Real>& layer,
                      Workspace<Real>& w, Arena<Real>& gradients) {
  const auto target = [&](std::size_t id) { return gradients.block(id); };
  const Matrix<Real>& x = layer.normed2;
  if (tensors.expert_in) add_experts(config, tensors, layer, w, gradients);
  add<Real>(w.d_qkv.block(), layer.normed1.block(), target(*tensors.qkv), w);
  add<Real>(w.d_middle.block(), layer.attended.block(), target(*tensors.attention), w);
  const auto dense_out = tensors.dense_out ? tensors.dense_out : tensors.shared_out;
  const auto dense_in = tensors.dense_in ? tensors.dense_in : tensors.shared_in;
  if (dense_in) {
    add<Real>(w.d_stream.block(), layer.dense_act.block(), target(*dense_out), w);
    add<Real>(layer.dense_gate_up.block(), x.block(), target(*dense_in), w);
  }
  if (tensors.router) add<Real>(w.d_router.logits.block(), x.block(), target(*tensors.router), w);
  if (tensors.noise) add<Real>(w.d_router.noise.block(), x.block(), target(*tensors.noise), w);
  if (tensors.expert_down) add<Real>(w.d_router.down.block(), x.block(), target(*tensors.expert_down), w);
  if (tensors.shared_gate) add<Real>(w.d_shared_weight.block(), x.block(), target(*tensors.shared_gate), w);
  if (tensors.qkv_bias) {
    const Block<Real> row(gradients.data(*tensors.qkv_bias), 1, config.qkv_columns());
    add<Real>(w.ones.block(), w.d_qkv.block(), row, w);
  }
  run(w);
}

template <class Real>
void head_gradient(const ParameterTable& table, Workspace<Real>& w, Arena<Real>& gradients) {
  add<Real>(w.logits.block(), w.final_normed.block(), gradients.block(table.head_or_embedding()), w);
  run(w);
}

template <class Real>
void embedding_gradient(const ParameterTable& table, Workspace<Real>& w, Arena<Real>& gradients) {
  const auto target = gradients.block(table.embedding);
  if (table.head) std::fill(target.data, target.data + target.rows * target.columns, Real{0});
  // Stripes of columns: every element is summed over tokens in their order.
  stats::parallel_for((target.columns + stripe_columns - 1) / stripe_columns, [&](std::size_t stripe) {
    const std::size_t first = stripe * stripe_columns;
    const std::size_t size = std::min(stripe_columns, target.columns - first);
    for (std::size_t t = 0; t < w.layout.tokens(); ++t) {
      kernels::accumulate<Real>(target.row(static_cast<std::size_t>(w.tokens[t])) + first,
                                w.d_stream.row(t) + first, size);
    }
  });
}

#define PASTONLY_WEIGHTS(Real)                                                                           \
  template void weight_gradients<Real>(const ModelConfig&, const LayerTensors&, const LayerState<Real>&, \
                                       Workspace<Real>&, Arena<Real>&);                                  \
  template void head_gradient<Real>(const ParameterTable&, Workspace<Real>&, Arena<Real>&);              \
  template void embedding_gradient<Real>(const ParameterTable&, Workspace<Real>&, Arena<Real>&);
PASTONLY_WEIGHTS(float)
PASTONLY_WEIGHTS(double)
#undef PASTONLY_WEIGHTS

}  // namespace pastonly::model

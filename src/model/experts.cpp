#include "model/experts.h"

#include <algorithm>

#include "kernels/products.h"
#include "kernels/swiglu.h"

namespace pastonly::model {
namespace {

template <class Real>
void gather(Block<const Real> from, const Dispatch& dispatch, const Dispatch::Range& range, Block<Real> to) {
  for (std::size_t i = 0; i < range.count; ++i) {
    const Real* source = from.row(dispatch.token(range.first + i));
    std::copy(source, source + from.columns, to.row(i));
  }
}

/// The columns of a (tokens, experts * rank) matrix that belong to one expert.
template <class Real>
auto columns_of(Real matrix, std::size_t expert, std::size_t rank) {
  return matrix.column_range(expert * rank, rank);
}

}  // namespace

template <class Real>
void resize_routes(const ModelConfig& config, LayerState<Real>& layer, Workspace<Real>& workspace) {
  const std::size_t routes = layer.dispatch.routes();
  layer.gathered.resize(routes, config.width);
  layer.gate_up.resize(routes, 2 * config.expert_width);
  layer.act.resize(routes, config.expert_width);
  workspace.expert_rows.resize(routes, config.width);
  if (config.router.score == Score::autonomy) layer.gathered_down.resize(routes, config.autonomy_rank());
}

template <class Real>
void experts_forward(const ModelConfig& config, const LayerTensors& tensors, const Arena<Real>& parameters,
                     const Dispatch::Range& range, LayerState<Real>& layer, Workspace<Real>& workspace) {
  const auto rows = [&](auto& matrix) { return matrix.block(range.first, range.count); };
  const Block<Real> x = rows(layer.gathered), gate_up = rows(layer.gate_up), act = rows(layer.act);
  if (layer.soft_tokens == 0) gather<Real>(layer.normed2.block(), layer.dispatch, range, x);
  const auto in = parameters.expert(*tensors.expert_in, range.expert);
  if (tensors.expert_gate) {
    const Block<Real> down = rows(layer.gathered_down);
    const auto own = columns_of(Block<const Real>(layer.router.down.block()), range.expert, down.columns);
    gather<Real>(own, layer.dispatch, range, down);
    kernels::product_nt<Real>(down, parameters.expert(*tensors.expert_gate, range.expert),
                              gate_up.column_range(0, config.expert_width));
    kernels::product_nt<Real>(x, in, gate_up.column_range(config.expert_width, config.expert_width));
  } else {
    kernels::product_nt<Real>(x, in, gate_up);
  }
  kernels::swiglu<Real>(gate_up.column_range(0, act.columns), gate_up.column_range(act.columns, act.columns),
                        layer.gates.data() + range.first, act);
  kernels::product_nt<Real>(act, parameters.expert(*tensors.expert_out, range.expert),
                            rows(workspace.expert_rows));
}

template <class Real>
void resize_route_gradients(const ModelConfig& config, const LayerState<Real>& layer,
                            Workspace<Real>& workspace) {
  const std::size_t routes = layer.dispatch.routes();
  workspace.expert_rows.resize(routes, config.width);
  workspace.d_rows.resize(routes, config.width);
  workspace.d_act.resize(routes, config.expert_width);
  workspace.d_gates.resize(routes);
  if (config.router.score == Score::autonomy) workspace.d_down.resize(routes, config.autonomy_rank());
}

template <class Real>
void experts_backward(const ModelConfig& config, const LayerTensors& tensors, const Arena<Real>& parameters,
                      const Dispatch::Range& range, LayerState<Real>& layer, Workspace<Real>& workspace) {
  const auto rows = [&](auto& matrix) { return matrix.block(range.first, range.count); };
  const Block<Real> dy = rows(workspace.expert_rows), d_act = rows(workspace.d_act);
  const Block<Real> gate_up = rows(layer.gate_up), dx = rows(workspace.d_rows);
  if (layer.soft_tokens == 0) gather<Real>(workspace.d_stream.block(), layer.dispatch, range, dy);
  kernels::product_nn<Real>(dy, parameters.expert(*tensors.expert_out, range.expert), d_act);
  kernels::swiglu_backward<Real>(
      d_act, layer.gates.data() + range.first, gate_up.column_range(0, d_act.columns),
      gate_up.column_range(d_act.columns, d_act.columns), workspace.d_gates.data() + range.first);
  const auto in = parameters.expert(*tensors.expert_in, range.expert);
  if (!tensors.expert_gate) return kernels::product_nn<Real>(gate_up, in, dx);
  const std::size_t f = config.expert_width;
  kernels::product_nn<Real>(gate_up.column_range(f, f), in, dx);
  const Block<Real> d_down = rows(workspace.d_down);
  kernels::product_nn<Real>(gate_up.column_range(0, f), parameters.expert(*tensors.expert_gate, range.expert),
                            d_down);
  // A token and an expert meet in one route at most, so no two tasks write the same place.
  const auto own = columns_of(workspace.d_router.down.block(), range.expert, d_down.columns);
  for (std::size_t i = 0; i < range.count; ++i) {
    std::copy(d_down.row(i), d_down.row(i) + d_down.columns, own.row(layer.dispatch.token(range.first + i)));
  }
}

#define PASTONLY_EXPERTS(Real)                                                                               \
  template void resize_routes<Real>(const ModelConfig&, LayerState<Real>&, Workspace<Real>&);                \
  template void experts_forward<Real>(const ModelConfig&, const LayerTensors&, const Arena<Real>&,           \
                                      const Dispatch::Range&, LayerState<Real>&, Workspace<Real>&);          \
  template void resize_route_gradients<Real>(const ModelConfig&, const LayerState<Real>&, Workspace<Real>&); \
  template void experts_backward<Real>(const ModelConfig&, const LayerTensors&, const Arena<Real>&,          \
                                       const Dispatch::Range&, LayerState<Real>&, Workspace<Real>&);
PASTONLY_EXPERTS(float)
PASTONLY_EXPERTS(double)
#undef PASTONLY_EXPERTS

}  // namespace pastonly::model

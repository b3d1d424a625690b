#include "model/soft.h"

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "kernels/products.h"
#include "kernels/rows.h"
#include "model/experts.h"
#include "stats/parallel.h"

namespace pastonly::model {
namespace {

std::size_t group_tokens(const RoutingRule& rule, const Layout& layout) {
  const Parameters parameters = rule.parameters();
  const Value* scope = find(parameters, "scope");
  return scope != nullptr && *scope == "sequence" ? layout.positions : layout.tokens();
}

/// One group's slots among rows that stand expert by expert: (experts, width).
template <class T, class M>
Block<T> slots_of(M& matrix, std::size_t groups, std::size_t group) {
  return {matrix.row(group), matrix.rows() / groups, matrix.columns(), groups * matrix.columns()};
}

template <class Real>
std::size_t group_count(const LayerState<Real>& layer) {
  return layer.combine.rows() / layer.soft_tokens;
}

/// body(group, rows of it) for a range of tokens that may span several groups.
template <class Body>
void for_groups(std::size_t group_size, Rows rows, Body&& body) {
  for (std::size_t t = rows.first; t < rows.first + rows.count;) {
    const std::size_t group = t / group_size;
    const std::size_t end = std::min(rows.first + rows.count, (group + 1) * group_size);
    body(group, t, end - t);
    t = end;
  }
}

/// The softmax of every column over the group's tokens; rows of tokens that are not routed stay 0.
template <class Real>
void mix(std::size_t first, LayerState<Real>& layer) {
  const std::size_t experts = layer.combine.columns();
  std::vector<Real> most(experts, std::numeric_limits<Real>::lowest()), sums(experts, Real{0});
  for (std::size_t t = first; t < first + layer.soft_tokens; ++t) {
    for (std::size_t e = 0; e < experts; ++e) {
      if (layer.routing.mask(t, e) != 0) most[e] = std::max(most[e], layer.router.logits.row(t)[e]);
    }
  }
  for (std::size_t t = first; t < first + layer.soft_tokens; ++t) {
    Real* row = layer.mixing.row(t);
    kernels::exponentials<Real>(layer.router.logits.row(t), most.data(), experts, row);
    for (std::size_t e = 0; e < experts; ++e) {
      if (layer.routing.mask(t, e) == 0) row[e] = Real{0};
      layer.combine.row(t)[e] = layer.routing.mask(t, e) != 0 ? layer.router.scores.row(t)[e] : Real{0};
    }
    kernels::accumulate<Real>(sums.data(), row, experts);
  }
  for (std::size_t t = first; t < first + layer.soft_tokens; ++t) {
    for (std::size_t e = 0; e < experts; ++e) layer.mixing.row(t)[e] /= sums[e] > Real{0} ? sums[e] : Real{1};
  }
}

}  // namespace

template <class Real>
void soft_dispatch(const ModelConfig& config, const RoutingRule& rule, LayerState<Real>& layer,
                   Workspace<Real>& workspace) {
  const std::size_t tokens = workspace.layout.tokens();
  layer.soft_tokens = group_tokens(rule, workspace.layout);
  layer.combine.resize(tokens, config.experts);
  layer.mixing.resize(tokens, config.experts);
  const std::size_t groups = group_count(layer);
  layer.dispatch.build_slots(tokens, config.experts, groups);
  layer.gates.set_ones(layer.dispatch.routes());
  resize_routes<Real>(config, layer, workspace);
  stats::parallel_for(groups, [&](std::size_t group) {
    const std::size_t first = group * layer.soft_tokens;
    mix(first, layer);
    kernels::product_tn<Real>(layer.mixing.block(first, layer.soft_tokens),
                              layer.normed2.block(first, layer.soft_tokens),
                              slots_of<Real>(layer.gathered, groups, group));
  });
}

template <class Real>
void keep_slot_outputs(LayerState<Real>& layer, const Workspace<Real>& workspace) {
  layer.slot_outputs.resize(workspace.expert_rows.rows(), workspace.expert_rows.columns());
  std::copy(workspace.expert_rows.buffer().begin(), workspace.expert_rows.buffer().end(),
            layer.slot_outputs.buffer().begin());
}

template <class Real>
void soft_combine(const LayerState<Real>& layer, Rows rows, Block<Real> out) {
  for_groups(layer.soft_tokens, rows, [&](std::size_t group, std::size_t first, std::size_t count) {
    kernels::product_nn<Real>(layer.combine.block(first, count),
                              slots_of<const Real>(layer.slot_outputs, group_count(layer), group),
                              out.row_range(first - rows.first, count), kernels::Write::add);
  });
}

template <class Real>
void soft_output_gradients(const LayerState<Real>& layer, Workspace<Real>& workspace) {
  const std::size_t groups = group_count(layer);
  stats::parallel_for(groups, [&](std::size_t group) {
    const std::size_t first = group * layer.soft_tokens;
    kernels::product_tn<Real>(layer.combine.block(first, layer.soft_tokens),
                              workspace.d_stream.block(first, layer.soft_tokens),
                              slots_of<Real>(workspace.expert_rows, groups, group));
  });
}

template <class Real>
void soft_weight_gradients(const LayerState<Real>& layer, Workspace<Real>& workspace) {
  const std::size_t groups = group_count(layer), experts = layer.combine.columns();
  stats::parallel_for(groups, [&](std::size_t group) {
    const std::size_t first = group * layer.soft_tokens, count = layer.soft_tokens;
    const auto d_scores = workspace.d_router.scores.block(first, count);
    const auto d_logits = workspace.d_router.logits.block(first, count);
    kernels::product_nt<Real>(workspace.d_stream.block(first, count),
                              slots_of<const Real>(layer.slot_outputs, groups, group), d_scores);
    kernels::product_nt<Real>(layer.normed2.block(first, count),
                              slots_of<const Real>(workspace.d_rows, groups, group), d_logits);
    std::vector<Real> along(experts, Real{0});
    for (std::size_t i = 0; i < count; ++i) {
      for (std::size_t e = 0; e < experts; ++e) along[e] += layer.mixing.row(first + i)[e] * d_logits(i, e);
    }
    for (std::size_t i = 0; i < count; ++i) {
      for (std::size_t e = 0; e < experts; ++e) {
        d_logits(i, e) = layer.mixing.row(first + i)[e] * (d_logits(i, e) - along[e]);
        if (layer.routing.mask(first + i, e) == 0) d_scores(i, e) = Real{0};
      }
    }
  });
}

template <class Real>
void soft_input_gradients(const LayerState<Real>& layer, const Workspace<Real>& workspace, Rows rows,
                          Block<Real> d_normed) {
  for_groups(layer.soft_tokens, rows, [&](std::size_t group, std::size_t first, std::size_t count) {
    kernels::product_nn<Real>(layer.mixing.block(first, count),
                              slots_of<const Real>(workspace.d_rows, group_count(layer), group),
                              d_normed.row_range(first - rows.first, count), kernels::Write::add);
  });
}

#define PASTONLY_SOFT(Real)                                                                       \
  template void soft_dispatch<Real>(const ModelConfig&, const RoutingRule&, LayerState<Real>&,    \
                                    Workspace<Real>&);                                            \
  template void keep_slot_outputs<Real>(LayerState<Real>&, const Workspace<Real>&);               \
  template void soft_combine<Real>(const LayerState<Real>&, Rows, Block<Real>);                   \
  template void soft_output_gradients<Real>(const LayerState<Real>&, Workspace<Real>&);           \
  template void soft_weight_gradients<Real>(const LayerState<Real>&, Workspace<Real>&);           \
  template void soft_input_gradients<Real>(const LayerState<Real>&, const Workspace<Real>&, Rows, \
                                           Block<Real>);
PASTONLY_SOFT(float)
PASTONLY_SOFT(double)
#undef PASTONLY_SOFT

}  // namespace pastonly::model

#include "checkpoint/experts.h"

#include <algorithm>
#include <vector>

#include "checkpoint/linear.h"
#include "kernels/elementary.h"
#include "kernels/rows.h"
#include "kernels/swiglu.h"
#include "stats/parallel.h"

namespace pastonly::checkpoint {
namespace {

using kernels::Block;
constexpr std::size_t route_floats = std::size_t{8} << 20;  // of gathered tokens: 32 MiB
constexpr std::size_t tokens_per_part = 32;

/// act (rows, count) = the activation of gates and ups.
void activate(const ExpertDescription& expert, Block<const float> gates, Block<const float> ups,
              Block<float> act) {
  switch (expert.activation) {
    case Activation::silu:
      return kernels::swiglu<float>(gates, ups, nullptr, act);
    case Activation::gelu:
      return kernels::geglu(gates, ups, act);
    case Activation::clamped:
      return kernels::clamped_swiglu(gates, ups, static_cast<float>(expert.alpha),
                                     static_cast<float>(expert.limit), act);
  }
}

/// Columns [first, first + inner.columns) of the inner activations of x.
void enter(const ExpertDescription& expert, const SwigluWeights& weights, const Operand& x, std::size_t first,
           Block<float> inner, ThreadScratch& scratch) {
  const std::size_t count = inner.columns;
  const std::size_t rows = x.rows.rows;
  scratch.values.resize(rows * count);
  scratch.more_values.resize(rows * count);
  const Block<float> gates(scratch.values.data(), rows, count);
  const Block<float> ups(scratch.more_values.data(), rows, count);
  multiply(x, weights.gate.weight, first, count, gates, scratch.tile);
  multiply(x, weights.up.weight, first, count, ups, scratch.tile);
  add_bias(weights.gate, first, gates);
  add_bias(weights.up, first, ups);
  activate(expert, gates, ups, inner);
}

/// Experts [first, end) whose routes fit, and at least one.
std::size_t end_of_group(const runtime::Dispatch& dispatch, std::size_t first, std::size_t width) {
  const std::size_t most = std::max<std::size_t>(1, route_floats / width);
  std::size_t end = first + 1;
  while (end < dispatch.experts() &&
         dispatch.first(end) + dispatch.count(end) - dispatch.first(first) <= most)
    ++end;
  return end;
}

/// The experts of one group: their tokens stand in workspace.gathered.
class ExpertGroup {
 public:
  ExpertGroup(const Description& description, const std::vector<SwigluWeights>& experts, std::size_t first,
              std::size_t end, InferenceWorkspace& workspace)
      : d_(description),
        experts_(experts),
        first_(first),
        end_(end),
        from_(workspace.dispatch.first(first)),
        routes_(workspace.dispatch.first(end - 1) + workspace.dispatch.count(end - 1) - from_),
        s_(workspace) {}

  void run() {
    if (routes_ == 0) return;
    gather();
    s_.inner.resize(routes_, d_.expert.width);
    const Operand all = operand_of(s_.gathered.block(), experts_[first_].gate.weight, s_.rounded, s_);
    for_tiles(experts_[first_].gate.weight, [&](std::size_t e, std::size_t at, std::size_t count) {
      enter(d_.expert, experts_[e], rows(all, e), at, rows(s_.inner, e).column_range(at, count),
            s_.scratch.local());
    });
    s_.outputs.resize(routes_, d_.width);
    const Operand inner = operand_of(s_.inner.block(), experts_[first_].down.weight, s_.rounded_inner, s_);
    for_tiles(experts_[first_].down.weight, [&](std::size_t e, std::size_t at, std::size_t count) {
      const Linear& down = experts_[e].down;
      const auto out = rows(s_.outputs, e).column_range(at, count);
      multiply(rows(inner, e), down.weight, at, count, out, s_.scratch.local().tile);
      add_bias(down, at, out);
    });
    scatter();
  }

 private:
  Block<float> rows(kernels::Matrix<float>& matrix, std::size_t expert) const {
    return matrix.block(s_.dispatch.first(expert) - from_, s_.dispatch.count(expert));
  }

  Operand rows(const Operand& all, std::size_t expert) const {
    const std::size_t first = s_.dispatch.first(expert) - from_;
    return {all.rows.row_range(first, s_.dispatch.count(expert)), all.rounded, first};
  }

  /// body(expert, first output, outputs) for all tiles of experts with tokens.
  template <class Body>
  void for_tiles(const StoredMatrix& like, Body&& body) {
    const std::size_t tile = tile_outputs(like), tiles = (like.outputs + tile - 1) / tile;
    stats::parallel_for((end_ - first_) * tiles, [&](std::size_t task) {
      const std::size_t expert = first_ + task / tiles, at = task % tiles * tile;
      if (s_.dispatch.count(expert) > 0) body(expert, at, std::min(tile, like.outputs - at));
    });
  }

  template <class Body>
  void for_parts(std::size_t size, Body&& body) {
    stats::parallel_for((size + tokens_per_part - 1) / tokens_per_part, [&](std::size_t part) {
      const std::size_t end = std::min(size, (part + 1) * tokens_per_part);
      for (std::size_t i = part * tokens_per_part; i < end; ++i) body(i);
    });
  }

  void gather() {
    s_.gathered.resize(routes_, d_.width);
    for_parts(routes_, [&](std::size_t i) {
      float* row = s_.gathered.row(i);
      std::copy_n(s_.normed.row(s_.dispatch.token(from_ + i)), d_.width, row);
      if (d_.router.gate_enters) kernels::scale(row, d_.width, s_.gates[from_ + i]);
    });
  }

  void scatter() {
    for_parts(s_.branch.rows(), [&](std::size_t token) {
      for (const auto route : s_.dispatch.routes_of(token)) {
        if (route < from_ || route >= from_ + routes_) continue;
        const float weight = d_.router.gate_enters ? 1.0F : s_.gates[route];
        kernels::accumulate(s_.branch.row(token), s_.outputs.row(route - from_), d_.width, weight);
      }
    });
  }

  const Description& d_;
  const std::vector<SwigluWeights>& experts_;
  std::size_t first_, end_;  // experts
  std::size_t from_, routes_;
  InferenceWorkspace& s_;
};

}  // namespace

void route_experts(const Description& description, const std::vector<SwigluWeights>& experts,
                   InferenceWorkspace& workspace) {
  auto& branch = workspace.branch;
  branch.resize(workspace.normed.rows(), description.width);
  std::fill(branch.buffer().begin(), branch.buffer().end(), 0.0F);
  for (std::size_t first = 0; first < experts.size();) {
    const std::size_t end = end_of_group(workspace.dispatch, first, description.width);
    ExpertGroup(description, experts, first, end, workspace).run();
    first = end;
  }
}

void dense_expert(const Description& description, const SwigluWeights& weights, const Linear& gate,
                  bool first, InferenceWorkspace& workspace) {
  const std::size_t tokens = workspace.normed.rows(), width = weights.gate.weight.outputs;
  const std::size_t tile = tile_outputs(weights.gate.weight);
  ExpertDescription plain;  // gpt-oss, whose experts are clamped, has no shared ones
  if (description.expert.activation == Activation::gelu) plain.activation = Activation::gelu;
  workspace.dense_inner.resize(tokens, width);
  const Block<const float> x = workspace.normed.block();
  const Operand entering = operand_of(x, weights.gate.weight, workspace.rounded, workspace);
  stats::parallel_for((width + tile - 1) / tile, [&](std::size_t task) {
    const std::size_t at = task * tile, count = std::min(tile, width - at);
    enter(plain, weights, entering, at, workspace.dense_inner.block().column_range(at, count),
          workspace.scratch.local());
  });
  workspace.outputs.resize(tokens, description.width);
  apply(weights.down, workspace.dense_inner.block(), workspace.outputs.block(), workspace);
  workspace.branch.resize(tokens, description.width);
  std::vector<float> direction(gate.exists() ? description.width : 0);
  if (gate.exists()) read_row(gate.weight, 0, direction.data());
  stats::parallel_for(tokens, [&](std::size_t t) {
    float weight = 1.0F;
    if (gate.exists()) {
      const auto logit = static_cast<double>(kernels::inner(x.row(t), direction.data(), description.width));
      weight = static_cast<float>(1.0 / (1.0 + kernels::exp(-logit)));
    }
    float* out = workspace.branch.row(t);
    if (first) std::fill(out, out + description.width, 0.0F);
    kernels::accumulate(out, workspace.outputs.row(t), description.width, weight);
  });
}

}  // namespace pastonly::checkpoint

#include "checkpoint/linear.h"

#include <algorithm>

#include "kernels/rows.h"
#include "stats/parallel.h"

namespace pastonly::checkpoint {

void add_bias(const Linear& linear, std::size_t first, kernels::Block<float> c) {
  if (linear.bias.empty()) return;
  for (std::size_t row = 0; row < c.rows; ++row)
    kernels::accumulate(c.row(row), linear.bias.data() + first, c.columns);
}

Operand operand_of(kernels::Block<const float> rows, const StoredMatrix& matrix, kernels::Bf16Rows& rounded,
                   const InferenceWorkspace& workspace) {
  if (!workspace.bf16 || matrix.encoding != Encoding::bf16) return {rows, nullptr, 0};
  rounded.resize(rows.rows, rows.columns);
  constexpr std::size_t step = 32;
  stats::parallel_for((rows.rows + step - 1) / step, [&](std::size_t task) {
    for (std::size_t r = task * step; r < std::min(rows.rows, (task + 1) * step); ++r)
      rounded.set(r, rows.row(r));
  });
  return {rows, &rounded, 0};
}

void apply(const Linear& linear, kernels::Block<const float> x, kernels::Block<float> y,
           InferenceWorkspace& workspace) {
  const std::size_t outputs = linear.weight.outputs, tile = tile_outputs(linear.weight);
  const Operand entering = operand_of(x, linear.weight, workspace.rounded, workspace);
  stats::parallel_for((outputs + tile - 1) / tile, [&](std::size_t task) {
    const std::size_t first = task * tile, count = std::min(tile, outputs - first);
    const auto c = y.column_range(first, count);
    multiply(entering, linear.weight, first, count, c, workspace.scratch.local().tile);
    add_bias(linear, first, c);
  });
}

}  // namespace pastonly::checkpoint

#include "checkpoint/linear.h"

#include <algorithm>

#include "model/lanes.h"
#include "stats/parallel.h"

namespace pastonly::checkpoint {

void add_bias(const Linear& linear, std::size_t first, model::Block<float> c) {
  if (linear.bias.empty()) return;
  for (std::size_t row = 0; row < c.rows; ++row)
    model::accumulate(c.row(row), linear.bias.data() + first, c.columns);
}

void apply(const Linear& linear, model::Block<const float> x, model::Block<float> y, Workspace& workspace) {
  const std::size_t outputs = linear.weight.outputs, tile = tile_outputs(linear.weight);
  stats::parallel_for((outputs + tile - 1) / tile, [&](std::size_t task) {
    const std::size_t first = task * tile, count = std::min(tile, outputs - first);
    const auto c = y.column_range(first, count);
    multiply(x, linear.weight, first, count, c, workspace.scratch.local().tile);
    add_bias(linear, first, c);
  });
}

}  // namespace pastonly::checkpoint

#include "checkpoint/next_token.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "checkpoint/linear.h"
#include "kernels/elementary.h"
#include "kernels/rows.h"
#include "stats/parallel.h"

namespace pastonly::checkpoint {
namespace {

/// What one tile of the vocabulary says of one row.
struct Part {
  double top = -std::numeric_limits<double>::infinity();
  double sum = 0.0;  ///< of e^(logit - top)
};

Part part_of(const float* logits, std::size_t size) {
  Part out;
  out.top = static_cast<double>(kernels::largest(logits, size));
  out.sum = kernels::exact_exponential_sum(logits, size, out.top);
  return out;
}

double log_sum(std::span<const Part> parts) {
  double top = -std::numeric_limits<double>::infinity(), sum = 0.0;
  for (const Part& part : parts) top = std::max(top, part.top);
  for (const Part& part : parts) sum += part.sum * kernels::exp(part.top - top);
  return top + kernels::log(sum);
}

/// cap tanh(logit / cap), as cap (2 / (1 + e^(-2 logit / cap)) - 1).
void cap(float* logits, std::size_t size, float most) {
  kernels::scale(logits, size, 2.0F / most);
  kernels::logistic(logits, size, logits);
  for (std::size_t i = 0; i < size; ++i) logits[i] = most * (2.0F * logits[i] - 1.0F);
}

}  // namespace

std::vector<double> log_probabilities(const Description& description, const Linear& head,
                                      kernels::Block<const float> hidden,
                                      std::span<const std::int64_t> targets, InferenceWorkspace& workspace,
                                      kernels::Matrix<float>* logits) {
  const std::size_t rows = hidden.rows, vocab = description.vocab;
  const std::size_t tile = tile_outputs(head.weight), tiles = (vocab + tile - 1) / tile;
  const auto factor = static_cast<float>(1.0 / description.logits_divisor);
  std::vector<Part> parts(rows * tiles);
  std::vector<double> chosen(rows, std::numeric_limits<double>::quiet_NaN());
  if (logits != nullptr) logits->resize(rows, vocab);
  const Operand entering = operand_of(hidden, head.weight, workspace.rounded, workspace);
  stats::parallel_for(tiles, [&](std::size_t task) {
    const std::size_t first = task * tile, count = std::min(tile, vocab - first);
    ThreadScratch& scratch = workspace.scratch.local();
    scratch.values.resize(rows * count);
    const kernels::Block<float> c(scratch.values.data(), rows, count);
    multiply(entering, head.weight, first, count, c, scratch.tile);
    add_bias(head, first, c);
    for (std::size_t row = 0; row < rows; ++row) {
      if (factor != 1.0F) kernels::scale(c.row(row), count, factor);
      if (description.logits_cap) cap(c.row(row), count, static_cast<float>(*description.logits_cap));
      if (logits != nullptr) std::copy_n(c.row(row), count, logits->row(row) + first);
      if (targets[row] < 0) continue;
      parts[row * tiles + task] = part_of(c.row(row), count);
      const auto target = static_cast<std::size_t>(targets[row]);
      if (target >= first && target < first + count)
        chosen[row] = static_cast<double>(c(row, target - first));
    }
  });
  stats::parallel_for(rows, [&](std::size_t row) {
    if (targets[row] >= 0) chosen[row] -= log_sum(std::span(parts).subspan(row * tiles, tiles));
  });
  return chosen;
}

}  // namespace pastonly::checkpoint

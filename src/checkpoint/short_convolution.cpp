#include "checkpoint/depthwise.h"
#include "checkpoint/linear.h"
#include "checkpoint/recurrent.h"
#include "kernels/rows.h"
#include "stats/parallel.h"

namespace pastonly::checkpoint {

void short_convolution(const Description& description, const RecurrentWeights& weights,
                       const runtime::Batch& batch, InferenceWorkspace& workspace) {
  const std::size_t tokens = batch.layout.tokens(), width = description.width;
  InferenceWorkspace& s = workspace;
  clear_padding(batch, s.normed.block());
  s.entering.resize(tokens, 3 * width);  // B, C, x
  apply(weights.in, s.normed.block(), s.entering.block(), s);
  const auto parts = s.entering.block();
  stats::parallel_for(tokens, [&](std::size_t t) {
    float* row = parts.row(t);
    kernels::multiply(row, row + 2 * width, width, row);
  });
  s.convolved.resize(tokens, width);
  convolve(weights.taps, weights.taps_bias, batch.layout, parts.column_range(0, width), s.convolved.block());
  stats::parallel_for(tokens, [&](std::size_t t) {
    kernels::multiply(s.convolved.row(t), parts.row(t) + width, width, s.convolved.row(t));
  });
  s.branch.resize(tokens, width);
  apply(weights.output, s.convolved.block(), s.branch.block(), s);
}

}  // namespace pastonly::checkpoint

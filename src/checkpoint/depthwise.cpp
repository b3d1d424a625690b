#include "checkpoint/depthwise.h"

#include <algorithm>

#include "kernels/elementary.h"
#include "kernels/rows.h"
#include "stats/parallel.h"

namespace pastonly::checkpoint {

void convolve(const std::vector<float>& taps, const std::vector<float>& bias, const Layout& layout,
              kernels::Block<const float> x, kernels::Block<float> out) {
  const std::size_t channels = x.columns, kernel = taps.size() / channels;
  stats::parallel_for(layout.tokens(), [&](std::size_t token) {
    float* row = out.row(token);
    if (bias.empty()) {
      std::fill(row, row + channels, 0.0F);
    } else {
      std::copy_n(bias.data(), channels, row);
    }
    const std::size_t position = token % layout.positions;
    for (std::size_t j = 0; j < kernel; ++j) {
      const std::size_t back = kernel - 1 - j;
      if (back > position) continue;
      const float* from = x.row(token - back);
      const float* tap = taps.data() + j * channels;
      for (std::size_t c = 0; c < channels; ++c) row[c] += tap[c] * from[c];
    }
  });
}

void silu(float* row, std::size_t size, std::vector<float>& scratch) {
  scratch.resize(size);
  kernels::logistic(row, size, scratch.data());
  kernels::multiply(row, scratch.data(), size, row);
}

double softplus(double x) noexcept { return x > 20.0 ? x : kernels::log1p(kernels::exp(x)); }

void clear_padding(const runtime::Batch& batch, kernels::Block<float> rows) {
  for (std::size_t t = 0; t < batch.valid.size(); ++t) {
    if (batch.valid[t] == 0) std::fill(rows.row(t), rows.row(t) + rows.columns, 0.0F);
  }
}

}  // namespace pastonly::checkpoint

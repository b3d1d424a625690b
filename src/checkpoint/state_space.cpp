#include <algorithm>
#include <cmath>
#include <vector>

#include "checkpoint/depthwise.h"
#include "checkpoint/linear.h"
#include "checkpoint/normalise.h"
#include "checkpoint/recurrent.h"
#include "kernels/elementary.h"
#include "kernels/rows.h"
#include "stats/parallel.h"

namespace pastonly::checkpoint {
namespace {

/// One layer over a batch. A row of `entering` is (gate, x, B, C, dt).
class StateSpacePass {
 public:
  StateSpacePass(const Description& description, const RecurrentWeights& weights, const runtime::Batch& batch,
                 InferenceWorkspace& workspace)
      : d_(description),
        space_(description.state_space),
        w_(weights),
        batch_(batch),
        s_(workspace),
        tokens_(batch.layout.tokens()) {}

  void run() {
    const std::size_t inner = space_.inner(), convolved = space_.convolved();
    clear_padding(batch_, s_.normed.block());
    s_.entering.resize(tokens_, inner + convolved + space_.heads);
    apply(w_.in, s_.normed.block(), s_.entering.block(), s_);
    s_.convolved.resize(tokens_, convolved);
    convolve(w_.taps, w_.taps_bias, batch_.layout, s_.entering.block().column_range(inner, convolved),
             s_.convolved.block());
    stats::parallel_for(tokens_, [&](std::size_t t) {
      std::vector<float> scratch;
      silu(s_.convolved.row(t), convolved, scratch);
    });
    clear_padding(batch_, s_.convolved.block());
    s_.mixed.resize(tokens_, inner);
    stats::parallel_for(batch_.layout.sequences * space_.heads,
                        [&](std::size_t task) { remember(task / space_.heads, task % space_.heads); });
    leave();
    s_.branch.resize(tokens_, d_.width);
    apply(w_.output, s_.mixed.block(), s_.branch.block(), s_);
  }

 private:
  double step_of(std::size_t token, std::size_t head) const {
    const double x = static_cast<double>(s_.entering.row(token)[space_.inner() + space_.convolved() + head]) +
                     static_cast<double>(w_.step_bias[head]);
    return std::clamp(softplus(x), space_.shortest_step, space_.longest_step);
  }

  /// One head of one sequence.
  void remember(std::size_t sequence, std::size_t head) {
    const std::size_t width = space_.head_width, size = space_.state, inner = space_.inner();
    const std::size_t group = head / (space_.heads / space_.groups);
    const double rate = kernels::exp(static_cast<double>(w_.decay_log[head]));
    std::vector<float> state(width * size, 0.0F);
    for (std::size_t p = 0; p < batch_.layout.positions; ++p) {
      const std::size_t t = sequence * batch_.layout.positions + p;
      const float* row = s_.convolved.row(t);
      const float* x = row + head * width;
      const float* b = row + inner + group * size;
      const float* c = b + space_.groups * size;
      const double step = step_of(t, head);
      const auto left = static_cast<float>(kernels::exp(-rate * step));
      float* out = s_.mixed.row(t) + head * width;
      for (std::size_t i = 0; i < width; ++i) {
        float* line = state.data() + i * size;
        kernels::scale(line, size, left);
        kernels::accumulate(line, b, size, static_cast<float>(step) * x[i]);
        out[i] = kernels::inner(line, c, size) + w_.skip[head] * x[i];
      }
    }
  }

  /// The gate, then the norm of every group.
  void leave() {
    const std::size_t inner = space_.inner(), group = inner / space_.groups;
    stats::parallel_for(tokens_, [&](std::size_t t) {
      std::vector<float> scratch;
      float* row = s_.mixed.row(t);
      float* gates = s_.entering.row(t);
      silu(gates, inner, scratch);
      kernels::multiply(row, gates, inner, row);
      for (std::size_t g = 0; g < space_.groups; ++g)
        rms_norm(row + g * group, w_.norm.gain.data() + g * group, group, d_.norm_epsilon, row + g * group);
    });
  }

  const Description& d_;
  const StateSpaceDescription& space_;
  const RecurrentWeights& w_;
  const runtime::Batch& batch_;
  InferenceWorkspace& s_;
  std::size_t tokens_;
};

}  // namespace

void state_space(const Description& description, const RecurrentWeights& weights, const runtime::Batch& batch,
                 InferenceWorkspace& workspace) {
  StateSpacePass(description, weights, batch, workspace).run();
}

}  // namespace pastonly::checkpoint

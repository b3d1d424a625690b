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

using kernels::Block;

/// One layer over a batch.
class DeltaPass {
 public:
  DeltaPass(const Description& description, const RecurrentWeights& weights, const runtime::Batch& batch,
            InferenceWorkspace& workspace)
      : d_(description),
        delta_(description.delta),
        w_(weights),
        batch_(batch),
        s_(workspace),
        tokens_(batch.layout.tokens()) {}

  void run() {
    clear_padding(batch_, s_.normed.block());
    s_.entering.resize(tokens_, delta_.convolved());
    s_.gating.resize(tokens_, delta_.values());
    s_.steps.resize(tokens_, 2 * delta_.value_heads);
    delta_.by_key_heads ? project_by_key_heads() : project();
    s_.convolved.resize(tokens_, delta_.convolved());
    convolve(w_.taps, {}, batch_.layout, s_.entering.block(), s_.convolved.block());
    prepare();
    s_.mixed.resize(tokens_, delta_.values());
    stats::parallel_for(batch_.layout.sequences * delta_.value_heads, [&](std::size_t task) {
      remember(task / delta_.value_heads, task % delta_.value_heads);
    });
    leave();
    s_.branch.resize(tokens_, d_.width);
    apply(w_.output, s_.mixed.block(), s_.branch.block(), s_);
  }

 private:
  void project() {
    apply(w_.in, s_.normed.block(), s_.entering.block(), s_);
    apply(w_.gate, s_.normed.block(), s_.gating.block(), s_);
    const Block<float> steps = s_.steps.block();
    apply(w_.steps, s_.normed.block(), steps.column_range(0, delta_.value_heads), s_);
    apply(w_.decays, s_.normed.block(), steps.column_range(delta_.value_heads, delta_.value_heads), s_);
  }

  void project_by_key_heads() {
    const std::size_t per_key = delta_.value_heads / delta_.key_heads, values = per_key * delta_.value_width;
    const std::size_t group = 2 * delta_.key_width + 2 * values;
    s_.ranks.resize(tokens_, delta_.key_heads * group);
    apply(w_.in, s_.normed.block(), s_.ranks.block(), s_);
    s_.key_ranks.resize(tokens_, 2 * delta_.value_heads);
    apply(w_.steps, s_.normed.block(), s_.key_ranks.block(), s_);
    stats::parallel_for(tokens_, [&](std::size_t t) {
      float* entering = s_.entering.row(t);
      float* steps = s_.steps.row(t);
      for (std::size_t h = 0; h < delta_.key_heads; ++h) {
        const float* from = s_.ranks.row(t) + h * group;
        std::copy_n(from, delta_.key_width, entering + h * delta_.key_width);
        std::copy_n(from + delta_.key_width, delta_.key_width,
                    entering + delta_.keys() + h * delta_.key_width);
        std::copy_n(from + 2 * delta_.key_width, values, entering + 2 * delta_.keys() + h * values);
        std::copy_n(from + 2 * delta_.key_width + values, values, s_.gating.row(t) + h * values);
        const float* step = s_.key_ranks.row(t) + h * 2 * per_key;
        std::copy_n(step, per_key, steps + h * per_key);
        std::copy_n(step + per_key, per_key, steps + delta_.value_heads + h * per_key);
      }
    });
  }

  /// Queries and keys of length 1, queries over the root of their width; betas and what is left of the state.
  void prepare() {
    const auto root = static_cast<float>(1.0 / std::sqrt(static_cast<double>(delta_.key_width)));
    stats::parallel_for(tokens_, [&](std::size_t t) {
      std::vector<float> scratch;
      float* row = s_.convolved.row(t);
      silu(row, delta_.convolved(), scratch);
      for (std::size_t h = 0; h < 2 * delta_.key_heads; ++h) {
        float* head = row + h * delta_.key_width;
        const float square = kernels::inner(head, head, delta_.key_width);
        kernels::scale(head, delta_.key_width, 1.0F / std::sqrt(square + 1e-6F));
        if (h < delta_.key_heads) kernels::scale(head, delta_.key_width, root);
      }
      float* betas = s_.steps.row(t);
      kernels::logistic(betas, delta_.value_heads, betas);
      for (std::size_t h = 0; h < delta_.value_heads; ++h) {
        float& left = betas[delta_.value_heads + h];
        const double step = softplus(static_cast<double>(left) + static_cast<double>(w_.step_bias[h]));
        left = static_cast<float>(kernels::exp(-kernels::exp(static_cast<double>(w_.decay_log[h])) * step));
      }
    });
  }

  /// One head of one sequence.
  void remember(std::size_t sequence, std::size_t head) {
    const std::size_t keys = delta_.key_width, width = delta_.value_width;
    const std::size_t key_head = head / (delta_.value_heads / delta_.key_heads);
    std::vector<float> state(keys * width, 0.0F), correction(width);
    for (std::size_t p = 0; p < batch_.layout.positions; ++p) {
      const std::size_t t = sequence * batch_.layout.positions + p;
      const float* query = s_.convolved.row(t) + key_head * keys;
      const float* key = query + delta_.keys();
      const float* value = s_.convolved.row(t) + 2 * delta_.keys() + head * width;
      const float beta = s_.steps.row(t)[head], left = s_.steps.row(t)[delta_.value_heads + head];
      std::fill(correction.begin(), correction.end(), 0.0F);
      for (std::size_t i = 0; i < keys; ++i) {
        kernels::scale(state.data() + i * width, width, left);
        kernels::accumulate(correction.data(), state.data() + i * width, width, key[i]);
      }
      for (std::size_t j = 0; j < width; ++j) correction[j] = (value[j] - correction[j]) * beta;
      float* out = s_.mixed.row(t) + head * width;
      std::fill(out, out + width, 0.0F);
      for (std::size_t i = 0; i < keys; ++i) {
        kernels::accumulate(state.data() + i * width, correction.data(), width, key[i]);
        kernels::accumulate(out, state.data() + i * width, width, query[i]);
      }
    }
  }

  /// Every head's norm, then its gate.
  void leave() {
    stats::parallel_for(tokens_, [&](std::size_t t) {
      std::vector<float> scratch;
      float* row = s_.mixed.row(t);
      for (std::size_t h = 0; h < delta_.value_heads; ++h) {
        float* head = row + h * delta_.value_width;
        rms_norm(head, w_.norm.gain.data(), delta_.value_width, d_.norm_epsilon, head);
      }
      silu(s_.gating.row(t), delta_.values(), scratch);
      kernels::multiply(row, s_.gating.row(t), delta_.values(), row);
    });
  }

  const Description& d_;
  const DeltaDescription& delta_;
  const RecurrentWeights& w_;
  const runtime::Batch& batch_;
  InferenceWorkspace& s_;
  std::size_t tokens_;
};

}  // namespace

void delta(const Description& description, const RecurrentWeights& weights, const runtime::Batch& batch,
           InferenceWorkspace& workspace) {
  DeltaPass(description, weights, batch, workspace).run();
}

}  // namespace pastonly::checkpoint

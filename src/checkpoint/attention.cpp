#include "checkpoint/attention.h"

#include <algorithm>
#include <cmath>

#include "checkpoint/linear.h"
#include "checkpoint/normalise.h"
#include "kernels/elementary.h"
#include "kernels/rows.h"
#include "stats/parallel.h"

namespace pastonly::checkpoint {
namespace {

using kernels::Block;

/// One layer's attention over a batch.
class AttentionPass {
 public:
  AttentionPass(const Description& description, const LayerDescription& layer,
                const AttentionWeights& weights, const RotaryTable& rotary, const runtime::Batch& batch,
                InferenceWorkspace& workspace)
      : d_(description),
        a_(description.attention_of(layer)),
        layer_(layer),
        w_(weights),
        rotary_(rotary),
        batch_(batch),
        layout_(batch.layout),
        s_(workspace),
        tokens_(batch.layout.tokens()) {}

  void run() {
    s_.queries.resize(tokens_, a_.heads * a_.key_width);
    s_.keys.resize(tokens_, a_.kv_heads * a_.key_width);
    s_.values.resize(tokens_, a_.kv_heads * a_.value_width);
    a_.latent() ? project_latent() : project();
    heads();
    if (a_.gate != OutputGate::none) gate();
    s_.branch.resize(tokens_, d_.width);
    apply(w_.output, s_.mixed.block(), s_.branch.block(), s_);
  }

 private:
  template <class Body>
  void for_tokens(Body&& body) {
    constexpr std::size_t step = 32;
    stats::parallel_for((tokens_ + step - 1) / step, [&](std::size_t task) {
      for (std::size_t t = task * step; t < std::min(tokens_, (task + 1) * step); ++t)
        body(t, t % layout_.positions);
    });
  }

  void project() {
    if (a_.gate == OutputGate::with_queries) {
      project_gated();
    } else {
      apply(w_.query, s_.normed.block(), s_.queries.block(), s_);
    }
    if (a_.gate == OutputGate::beside) {
      s_.gating.resize(tokens_, a_.heads * a_.value_width);
      apply(w_.gate, s_.normed.block(), s_.gating.block(), s_);
    }
    apply(w_.key, s_.normed.block(), s_.keys.block(), s_);
    if (a_.values_are_keys) {
      std::copy(s_.keys.buffer().begin(), s_.keys.buffer().end(), s_.values.buffer().begin());
    } else {
      apply(w_.value, s_.normed.block(), s_.values.block(), s_);
    }
    for_tokens([&](std::size_t token, std::size_t position) {
      for (std::size_t h = 0; a_.value_norm && h < a_.kv_heads; ++h) {
        float* value = s_.values.row(token) + h * a_.value_width;
        rms_norm(value, nullptr, a_.value_width, d_.norm_epsilon, value);
      }
      prepare(s_.queries.row(token), a_.heads, w_.query_norm, position);
      prepare(s_.keys.row(token), a_.kv_heads, w_.key_norm, position);
      if (a_.clip) clip(s_.values.row(token), s_.values.columns());
      if (a_.temperature && !layer_.rotates) heat(s_.queries.row(token), position);
    });
  }

  /// Every head's query and its gate, side by side.
  void project_gated() {
    const std::size_t width = a_.key_width;
    s_.ranks.resize(tokens_, 2 * a_.heads * width);
    s_.gating.resize(tokens_, a_.heads * width);
    apply(w_.query, s_.normed.block(), s_.ranks.block(), s_);
    for_tokens([&](std::size_t token, std::size_t) {
      for (std::size_t h = 0; h < a_.heads; ++h) {
        const float* from = s_.ranks.row(token) + 2 * h * width;
        std::copy_n(from, width, s_.queries.row(token) + h * width);
        std::copy_n(from + width, width, s_.gating.row(token) + h * width);
      }
    });
  }

  void gate() {
    for_tokens([&](std::size_t token, std::size_t) {
      float* gates = s_.gating.row(token);
      kernels::logistic(gates, s_.gating.columns(), gates);
      kernels::multiply(gates, s_.mixed.row(token), s_.gating.columns(), s_.mixed.row(token));
    });
  }

  /// Norm, clipping and rotation of a token's queries or keys.
  void prepare(float* row, std::size_t count, const NormWeights& norm, std::size_t position) const {
    const std::size_t width = a_.key_width;
    if (a_.qk_norm == QkNorm::whole) rms_norm(row, norm.gain.data(), count * width, d_.norm_epsilon, row);
    if (a_.clip) clip(row, count * width);
    for (std::size_t h = 0; h < count; ++h) {
      float* head = row + h * width;
      if (a_.qk_norm == QkNorm::per_head) rms_norm(head, norm.gain.data(), width, d_.norm_epsilon, head);
      if (layer_.rotates) rotary_.turn(head, position, a_.pairing);
      if (a_.qk_norm == QkNorm::after_rotation && layer_.rotates)
        rms_norm(head, nullptr, width, d_.norm_epsilon, head);
      if (a_.qk_norm == QkNorm::per_head_after_rotation)
        rms_norm(head, norm.gain.data(), width, d_.norm_epsilon, head);
    }
  }

  void clip(float* row, std::size_t size) const {
    const auto limit = static_cast<float>(*a_.clip);
    kernels::clamp(row, size, -limit, limit);
  }

  void heat(float* row, std::size_t position) const {
    const double steps = std::floor((static_cast<double>(position) + 1.0) / a_.temperature->every);
    const double factor = kernels::log1p(steps) * a_.temperature->scale + 1.0;
    kernels::scale(row, a_.heads * a_.key_width, static_cast<float>(factor));
  }

  void project_latent() {
    const std::size_t rotated = a_.rotary.width, plain = a_.key_width - rotated;
    if (a_.query_rank > 0) {
      s_.ranks.resize(tokens_, a_.query_rank);
      apply(w_.query_down, s_.normed.block(), s_.ranks.block(), s_);
      normalise(Norm::rms, w_.query_rank_norm, a_.rank_norm_epsilon, s_.ranks.block(), s_.ranks.block());
      apply(w_.query, s_.ranks.block(), s_.queries.block(), s_);
    } else {
      apply(w_.query, s_.normed.block(), s_.queries.block(), s_);
    }
    s_.key_ranks.resize(tokens_, a_.kv_rank + rotated);
    apply(w_.key, s_.normed.block(), s_.key_ranks.block(), s_);
    const Block<float> ranks = s_.key_ranks.block().column_range(0, a_.kv_rank);
    normalise(Norm::rms, w_.kv_rank_norm, a_.rank_norm_epsilon, ranks, ranks);
    s_.keys_values.resize(tokens_, a_.heads * (plain + a_.value_width));
    apply(w_.value, ranks, s_.keys_values.block(), s_);
    for_tokens([&](std::size_t token, std::size_t position) { split_latent(token, position, plain); });
  }

  /// Every head's key: its own part, then the rotated one that all heads share.
  void split_latent(std::size_t token, std::size_t position, std::size_t plain) {
    float* shared = s_.key_ranks.row(token) + a_.kv_rank;
    rotary_.turn(shared, position, a_.pairing);
    for (std::size_t h = 0; h < a_.heads; ++h) {
      rotary_.turn(s_.queries.row(token) + h * a_.key_width + plain, position, a_.pairing);
      const float* from = s_.keys_values.row(token) + h * (plain + a_.value_width);
      float* key = s_.keys.row(token) + h * a_.key_width;
      std::copy_n(from, plain, key);
      std::copy_n(shared, a_.rotary.width, key + plain);
      std::copy_n(from + plain, a_.value_width, s_.values.row(token) + h * a_.value_width);
    }
  }

  void heads() {
    s_.mixed.resize(tokens_, a_.heads * a_.value_width);
    const std::size_t blocks = (layout_.positions + attention_block - 1) / attention_block;
    stats::parallel_for(layout_.sequences * a_.heads * blocks, [&](std::size_t task) {
      const std::size_t first = task % blocks * attention_block;
      const std::size_t h = task / blocks % a_.heads, sequence = task / blocks / a_.heads;
      const std::size_t count = std::min(attention_block, layout_.positions - first);
      attend(head(sequence, h), first, count, s_.scratch.local().values);
    });
  }

  AttentionHead head(std::size_t sequence, std::size_t h) {
    const std::size_t first = sequence * layout_.positions, kv = h * a_.kv_heads / a_.heads;
    const auto part = [&](auto& matrix, std::size_t index, std::size_t width) {
      return matrix.block(first, layout_.positions).column_range(index * width, width);
    };
    AttentionHead out;
    out.queries = part(s_.queries, h, a_.key_width);
    out.keys = part(s_.keys, kv, a_.key_width);
    out.values = part(s_.values, kv, a_.value_width);
    out.out = part(s_.mixed, h, a_.value_width);
    out.scale = static_cast<float>(a_.scale);
    out.window = layer_.window;
    out.chunk = layer_.chunk;
    if (!w_.sinks.empty()) out.sink = &w_.sinks[h];
    if (!batch_.valid.empty()) out.valid = batch_.valid.data() + first;
    return out;
  }

  const Description& d_;
  const AttentionDescription& a_;
  const LayerDescription& layer_;
  const AttentionWeights& w_;
  const RotaryTable& rotary_;
  const runtime::Batch& batch_;
  const Layout& layout_;
  InferenceWorkspace& s_;
  std::size_t tokens_;
};

}  // namespace

void attention(const Description& description, const LayerDescription& layer, const AttentionWeights& weights,
               const RotaryTable& rotary, const runtime::Batch& batch, InferenceWorkspace& workspace) {
  AttentionPass(description, layer, weights, rotary, batch, workspace).run();
}

}  // namespace pastonly::checkpoint

#pragma once

#include <cstddef>
#include <cstdint>

#include "checkpoint/description.h"
#include "checkpoint/inference_workspace.h"
#include "checkpoint/layer_weights.h"
#include "checkpoint/rotary.h"
#include "runtime/batch.h"

namespace pastonly::checkpoint {

/// One head of one sequence. A query at a position sees keys at positions up to its own: all of them, those
/// of its window, or those of its chunk.
struct AttentionHead {
  kernels::Block<const float> queries, keys;  // (positions, key width)
  kernels::Block<const float> values;         // (positions, value width)
  kernels::Block<float> out;                  // (positions, value width)
  float scale = 1.0F;
  std::size_t window = 0;       ///< 0 = all
  std::size_t chunk = 0;        ///< 0 = none
  const float* sink = nullptr;  ///< a logit that takes weight and carries no value
  /// (positions) 0 = padding, which no query sees; nullptr = there is none. It takes places all the same: a
  /// window and a chunk count it, as in transformers.
  const std::uint8_t* valid = nullptr;
};

/// Queries [first, first + count) of a head, at most attention_block. A query's result depends on its own row
/// and on the rows before it, to the last bit.
constexpr std::size_t attention_block = 64;
void attend(const AttentionHead& head, std::size_t first, std::size_t count, kernels::Buffer<float>& scratch);

/// Self-attention of one layer: workspace.normed (tokens, width) to workspace.branch.
void attention(const Description& description, const LayerDescription& layer, const AttentionWeights& weights,
               const RotaryTable& rotary, const runtime::Batch& batch, InferenceWorkspace& workspace);

}  // namespace pastonly::checkpoint

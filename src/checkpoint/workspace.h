#pragma once

#include <tbb/enumerable_thread_specific.h>

#include "checkpoint/stored_matrix.h"
#include "model/buffer.h"
#include "model/dispatch.h"
#include "model/selection.h"

namespace pastonly::checkpoint {

/// What a thread works with inside a task.
struct ThreadScratch {
  TileScratch tile, second_tile;
  model::Buffer<float> values;
  model::Buffer<float> more_values;
};

/// The activations of one pass: a few arrays of (tokens, width), whatever the number of layers. One pass at a
/// time.
struct Workspace {
  model::Matrix<float> hidden;         // (tokens, width) the residual stream
  model::Matrix<float> normed;         // (tokens, width)
  model::Matrix<float> branch;         // (tokens, width) what a layer's half adds
  model::Matrix<float> queries;        // (tokens, heads * key width)
  model::Matrix<float> keys;           // (tokens, kv heads * key width)
  model::Matrix<float> values;         // (tokens, kv heads * value width)
  model::Matrix<float> mixed;          // (tokens, heads * value width)
  model::Matrix<float> ranks;          // (tokens, rank) latent attention, as the two below
  model::Matrix<float> key_ranks;      // (tokens, kv rank + rotated)
  model::Matrix<float> keys_values;    // (tokens, heads * (unrotated + value width))
  model::Matrix<float> router_logits;  // (tokens, experts)
  model::Matrix<float> scores;         // (tokens, experts)
  model::Buffer<float> gates;          // (routes)
  model::Matrix<float> gathered;       // (routes of some experts, width)
  model::Matrix<float> inner;          // (routes of some experts, expert width)
  model::Matrix<float> outputs;        // (routes of some experts, width)
  model::Matrix<float> dense_inner;    // (tokens, shared or dense width)
  bool bf16 = false;                   ///< products with bfloat16 weights take their rows in bfloat16
  Bf16Rows rounded;                    ///< of the product at hand
  Bf16Rows rounded_inner;              ///< of the experts at hand
  Routing routing;
  model::Dispatch dispatch;
  model::SelectionScratch selection;
  tbb::enumerable_thread_specific<ThreadScratch> scratch;
};

}  // namespace pastonly::checkpoint

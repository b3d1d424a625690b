#pragma once

#include <tbb/enumerable_thread_specific.h>

#include "checkpoint/stored_matrix.h"
#include "kernels/buffer.h"
#include "runtime/dispatch.h"
#include "runtime/selection.h"

namespace pastonly::checkpoint {

/// What a thread works with inside a task.
struct ThreadScratch {
  TileScratch tile;
  kernels::Buffer<float> values;
  kernels::Buffer<float> more_values;
};

/// The activations of one pass: a few arrays of (tokens, width), whatever the number of layers. One pass at a
/// time.
struct InferenceWorkspace {
  kernels::Matrix<float> hidden;       // (tokens, width) the residual stream
  kernels::Matrix<float> normed;       // (tokens, width)
  kernels::Matrix<float> branch;       // (tokens, width) what a layer's half adds
  kernels::Matrix<float> queries;      // (tokens, heads * key width)
  kernels::Matrix<float> keys;         // (tokens, kv heads * key width)
  kernels::Matrix<float> values;       // (tokens, kv heads * value width)
  kernels::Matrix<float> mixed;        // (tokens, heads * value width)
  kernels::Matrix<float> gating;       // (tokens, heads * value width) of the heads' output
  kernels::Matrix<float> ranks;        // (tokens, rank) latent attention, as the two below
  kernels::Matrix<float> key_ranks;    // (tokens, kv rank + rotated)
  kernels::Matrix<float> keys_values;  // (tokens, heads * (unrotated + value width))
  kernels::Matrix<float> entering;   // (tokens, what enters a convolution) recurrent layers, as the two below
  kernels::Matrix<float> convolved;  // (tokens, channels)
  kernels::Matrix<float> steps;      // (tokens, 2 value heads) betas, and what is left of the state
  kernels::Matrix<float> router_logits;  // (tokens, experts)
  kernels::Matrix<float> scores;         // (tokens, experts)
  kernels::Buffer<float> gates;          // (routes)
  kernels::Matrix<float> gathered;       // (routes of some experts, width)
  kernels::Matrix<float> inner;          // (routes of some experts, expert width)
  kernels::Matrix<float> outputs;        // (routes of some experts, width)
  kernels::Matrix<float> routed;       // (tokens, width) of the routed experts, where shared ones come after
  kernels::Matrix<float> dense_inner;  // (tokens, shared or dense width)
  bool bf16 = false;                   ///< products with bfloat16 weights take their rows in bfloat16
  kernels::Bf16Rows rounded;           ///< of the product at hand
  kernels::Bf16Rows rounded_inner;     ///< of the experts at hand
  Routing routing;
  runtime::Dispatch dispatch;
  runtime::SelectionScratch selection;
  tbb::enumerable_thread_specific<ThreadScratch> scratch;
};

}  // namespace pastonly::checkpoint

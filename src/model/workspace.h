#pragma once

#include <tbb/enumerable_thread_specific.h>

#include <cstdint>
#include <vector>

#include "kernels/buffer.h"
#include "model/gate.h"
#include "model/rotary.h"
#include "model/score.h"
#include "pastonly/routing_rule.h"
#include "runtime/batch.h"
#include "runtime/dispatch.h"
#include "runtime/selection.h"

namespace pastonly::model {

using kernels::Block;
using kernels::Buffer;
using kernels::Matrix;
using runtime::Batch;
using runtime::Dispatch;
using runtime::SelectionScratch;

/// What one layer's forward pass leaves for its backward pass and for traces. T tokens, R routes.
template <class Real>
struct LayerState {
  Matrix<Real> input;          // (T, width) of the residual stream
  Matrix<Real> normed1;        // (T, width)
  Buffer<Real> inverse1;       // (T)
  Matrix<Real> qkv;            // (T, qkv columns) queries and keys rotated
  Matrix<Real> raw;            // (T, qkv columns) before QK norm; only where there is one
  Matrix<Real> q_inverse;      // (T, heads) or (T, 1)
  Matrix<Real> k_inverse;      // (T, kv heads) or (T, 1)
  Matrix<Real> log_sums;       // (T, heads)
  Matrix<Real> attended;       // (T, query columns)
  Matrix<Real> middle;         // (T, width) the stream after attention
  Matrix<Real> normed2;        // (T, width)
  Buffer<Real> inverse2;       // (T)
  Matrix<Real> dense_gate_up;  // (T, 2 f) of the dense SwiGLU or of the shared expert
  Matrix<Real> dense_act;      // (T, f)
  Matrix<Real> shared_weight;  // (T, 1) sigmoid(x w)
  RouterScores<Real> router;
  Matrix<Real> directions;  // (experts, width) cosine: centroids of length 1 as they were used
  Routing routing;          // (T, experts) batch-major
  Dispatch dispatch;
  Gates<Real> gates;
  Matrix<Real> gathered;              // (R, width)
  Matrix<Real> gathered_down;         // (R, rank) autonomy
  Matrix<Real> gate_up;               // (R, 2 expert_width)
  Matrix<Real> act;                   // (R, expert_width) weighted by the gate
  std::size_t soft_tokens = 0;        // soft-moe: tokens of a group; 0 under every other rule
  Matrix<Real> mixing;                // (T, experts) soft-moe: a slot's weights of its tokens
  Matrix<Real> combine;               // (T, experts) soft-moe: a token's weights of the slots
  Matrix<Real> slot_outputs;          // (R, width) soft-moe
  std::vector<double> balance_slope;  // (experts) of the balance loss by the mean probabilities
};

/// A gradient of weights, C = A^T B, or a slice of its rows.
template <class Real>
struct WeightProduct {
  Block<const Real> a;
  Block<const Real> b;
  Block<Real> c;
};

/// The value of every term of the objective, each before its coefficient.
struct Losses {
  double cross_entropy = 0.0;  ///< nats per predicted token
  double balance = 0.0;
  double z = 0.0;
  double coupling = 0.0;
  double orthogonality = 0.0;
  std::size_t predicted = 0;  ///< tokens
  double total(const Objectives& objectives) const noexcept {
    return cross_entropy + objectives.balance * balance + objectives.z * z + objectives.coupling * coupling +
           objectives.orthogonality * orthogonality;
  }
};

/// All memory of a forward and a backward pass. It grows to the largest batch it has seen and is then
/// reused: the passes of a step of known shape allocate nothing. (Routing rules and the objectives on
/// routers have small buffers of their own.)
template <class Real>
struct Workspace {
  Layout layout;
  std::vector<std::int64_t> tokens;  // (T)
  std::vector<std::uint8_t> valid;   // (T) or empty
  std::vector<LayerState<Real>> layers;
  Matrix<Real> output;         // (T, width) the stream after the last layer
  Matrix<Real> final_normed;   // (T, width)
  Buffer<Real> final_inverse;  // (T)
  Matrix<Real> logits;         // (T, vocab); backward replaces them by their gradients
  Buffer<double> log_probs;    // (T) ln p(next token); 0 where there is none to predict
  Losses losses;
  std::uint64_t seed = 0;

  Rotary<Real> rotary;
  SelectionScratch selection;
  Matrix<Real> expert_rows;  // (R, width) expert outputs; backward: gathered output gradients
  tbb::enumerable_thread_specific<Buffer<Real>> attention_scratch;

  // Backward only.
  Matrix<Real> d_stream;         // (T, width)
  Matrix<Real> d_middle;         // (T, width)
  Matrix<Real> d_input;          // (T, width)
  Matrix<Real> d_normed;         // (T, width)
  Matrix<Real> d_qkv;            // (T, qkv columns)
  Matrix<Real> d_qkv_normed;     // (T, qkv columns) QK norm
  Matrix<Real> d_attended;       // (T, query columns)
  Matrix<Real> d_dense_act;      // (T, f)
  Matrix<Real> d_shared_weight;  // (T, 1)
  Matrix<Real> d_rows;           // (R, width)
  Matrix<Real> d_act;            // (R, expert_width)
  Matrix<Real> d_down;           // (R, rank) autonomy
  Buffer<Real> d_gates;          // (R)
  RouterScoreGradients<Real> d_router;
  Matrix<Real> gain_parts;  // (blocks, sum of a layer's gains)
  std::vector<WeightProduct<Real>> products;
  Matrix<Real> ones;  // (T, 1)

  Batch batch() const noexcept { return {layout, tokens, valid}; }
};

/// Copies the batch and sizes everything the forward pass writes.
template <class Real>
void prepare(const ModelConfig& config, const Batch& batch, Workspace<Real>& workspace);
/// Sizes everything the backward pass writes that does not depend on the number of routes.
template <class Real>
void prepare_backward(const ModelConfig& config, std::size_t blocks, Workspace<Real>& workspace);

}  // namespace pastonly::model

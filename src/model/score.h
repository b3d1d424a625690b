#pragma once

#include <cstdint>
#include <span>

#include "kernels/buffer.h"
#include "model/config.h"

namespace pastonly::model {

using kernels::Block;
using kernels::Buffer;
using kernels::Matrix;

/// The weights a router reads. Absent ones are empty blocks.
template <class Real>
struct RouterWeights {
  Block<const Real> router;  // (experts, width); cosine: centroids of length 1
  Block<const Real> noise;   // (experts, width)
  Block<const Real> down;    // (experts * rank, width)
};

/// What one layer's router said of a batch, and what its backward pass needs.
template <class Real>
struct RouterScores {
  Matrix<Real> logits;          // (tokens, experts) what enters the score function, noise included
  Matrix<Real> scores;          // (tokens, experts) what selection and gates read
  Matrix<Real> clean;           // (tokens, experts) noisy: logits without noise
  Matrix<Real> noise;           // (tokens, experts) noisy: x R_noise^T
  Matrix<Real> draws;           // (tokens, experts) noisy: standard normal, 0 in evaluation
  Buffer<Real> inverse_length;  // (tokens) cosine: 1 / |x|
  Matrix<Real> down;            // (tokens, experts * rank) autonomy: first activations

  void resize(const ModelConfig& config, std::size_t tokens);
};

template <class Real>
struct RouterScoreGradients {
  Matrix<Real> scores;  // (tokens, experts) in: of the scores
  Matrix<Real> logits;  // (tokens, experts) in: what objectives say of the logits; out: all of it
  Matrix<Real> noise;   // (tokens, experts) out
  Matrix<Real> down;    // (tokens, experts * rank) in: what the experts say; out: all of it
  void resize(const ModelConfig& config, std::size_t tokens);
};

/// Rows [first, first + x.rows) of the scores; x (rows, width) is their input. `draws` must be filled.
template <class Real>
void score(const ModelConfig& config, const RouterWeights<Real>& weights, Block<const Real> x,
           std::size_t first, RouterScores<Real>& out);
/// Standard normal draws for noisy scores, a stream for every place (row, position) of the batch, so that
/// a token's noise does not depend on the shape of the batch. Zero where `training` is false.
template <class Real>
void draw_noise(const Layout& layout, std::uint64_t seed, bool training, RouterScores<Real>& out);
/// Overwrites dx (rows, width).
template <class Real>
void score_backward(const ModelConfig& config, const RouterWeights<Real>& weights, Block<const Real> x,
                    std::size_t first, const RouterScores<Real>& forward,
                    RouterScoreGradients<Real>& gradients, Block<Real> dx);

}  // namespace pastonly::model

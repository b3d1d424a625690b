#pragma once

#include <cstddef>

#include "kernels/block.h"

namespace pastonly::kernels {

/// Columns of a block of attention weights: rounded up, so that a row's end needs no care.
constexpr std::size_t padded(std::size_t keys) noexcept { return (keys + 15) / 16 * 16; }

/// Scores (queries, keys) become weights: row i sees keys 0 .. first + i, and its softmax of scale * score
/// over them; the rest becomes 0. log_sums[i * log_stride] is the log-sum of the scaled scores. Rows are as
/// long as their stride, a multiple of 16; sums as in rows.h.
template <class Real>
void attention_weights(Block<Real> scores, std::size_t first, Real scale, Real* log_sums,
                       std::size_t log_stride);

/// One row of that backward: the weights again from scores and log-sum, and d_weights become gradients of the
/// scores, given the mean of d_weights under the weights. `seen` keys; `size` is a multiple of 16.
template <class Real>
void attention_weights_backward(Real* scores, Real* d_weights, std::size_t seen, std::size_t size, Real scale,
                                Real log_sum, Real mean);

}  // namespace pastonly::kernels

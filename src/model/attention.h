#pragma once

#include <cstddef>

#include "kernels/block.h"

namespace pastonly::model {

using kernels::Block;

/// One sequence, one key-value head and the group of query heads that share it. Blocks have one row per
/// position; queries and outputs hold the group's heads side by side, (positions, group * head_width).
template <class Real>
struct QueryGroup {
  Block<const Real> queries;  // (positions, group * head_width), rotated
  Block<const Real> keys;     // (positions, head_width), rotated
  Block<const Real> values;   // (positions, head_width)
  Block<const Real> outputs;  // (positions, group * head_width); backward only
  Block<Real> log_sums;       // (positions, group) logsumexp of the scaled scores
};
template <class Real>
struct AttentionGradient {
  Block<const Real> outputs;  // (positions, group * head_width)
  Block<Real> queries;
  Block<Real> keys;
  Block<Real> values;
};

/// Elements of scratch that one call needs.
template <class Real>
std::size_t attention_scratch(std::size_t positions);

/// Causal softmax attention with scores scaled by head_width^-1/2, query block by query block. Keeps
/// only the log-sums; backward recomputes the weights from them.
template <class Real>
void attention(const QueryGroup<Real>& head, Block<Real> outputs, Real* scratch);
/// Overwrites the gradients of queries, keys and values.
template <class Real>
void attention_backward(const QueryGroup<Real>& head, const AttentionGradient<Real>& gradient, Real* scratch);

}  // namespace pastonly::model

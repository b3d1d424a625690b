#pragma once

#include <vector>

#include "kernels/block.h"
#include "runtime/batch.h"

namespace pastonly::checkpoint {

/// A causal convolution of every channel by itself: out (tokens, channels) = bias + the sum over j of
/// taps (kernel, channels)[j] times the row kernel - 1 - j places before, within the token's own sequence.
/// An empty bias counts as 0. `out` must not be `x`.
void convolve(const std::vector<float>& taps, const std::vector<float>& bias, const Layout& layout,
              kernels::Block<const float> x, kernels::Block<float> out);

/// row = x / (1 + e^-x) of every element.
void silu(float* row, std::size_t size, std::vector<float>& scratch);

/// ln(1 + e^x), and x itself beyond 20, as in PyTorch.
double softplus(double x) noexcept;

/// Rows of padding count as 0 where layers carry a state from token to token, as in transformers.
void clear_padding(const runtime::Batch& batch, kernels::Block<float> rows);

}  // namespace pastonly::checkpoint

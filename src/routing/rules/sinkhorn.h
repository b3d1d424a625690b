#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "pastonly/matrix_view.h"

namespace pastonly::routing {

/// How the Sinkhorn iteration ends: when the mean change of the column factors falls to `tolerance`
/// (Megatron: 1e-4), or after `iterations`.
struct SinkhornOptions {
  double tolerance = 1e-4;
  std::size_t iterations = 10'000;
  bool logits = true;  ///< scores are logits (their exponential is balanced), else positive weights
};

/// The column factors d1 (experts) after the iteration of megatron/core/transformer/moe/moe_utils.py,
/// sinkhorn: rows scaled to 1/T, then columns to 1/N, until d1 moves no more. Ranking a token's experts
/// by weight * d1 ranks them by the balanced matrix, since its row factor is common to all. `valid`
/// (tokens) or empty: rows with 0 are left out. Non-finite scores weigh 0. In double.
std::vector<double> sinkhorn_factors(MatrixView<const float> scores, std::span<const std::uint8_t> valid,
                                     const SinkhornOptions& options);

}  // namespace pastonly::routing

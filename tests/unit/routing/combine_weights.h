#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "pastonly/mask.h"
#include "pastonly/matrix_view.h"

namespace pastonly::routing {

/// What a token's combine weights are divided by.
enum class Normalise {
  never,     ///< the score itself: vmoe, flaxformer, ColossalAI, megablocks, Switch
  selected,  ///< sum over the selected experts, before drops: Megatron, tutel, mesh, lucidrains, DeepSeek-V3
  kept,      ///< sum over the kept experts, after drops: DeepSpeed, fairscale, fairseq, NLLB-MoE
  count,     ///< the number of kept experts: mesh expert_selection
};

struct GateOptions {
  Normalise normalise = Normalise::never;
  double scale = 1.0;  ///< Megatron moe_router_topk_scaling_factor, DeepSeek-V3 routed_scaling_factor
};

/// Combine weights (tokens, experts), 0 where the mask is 0. A function of the scores before bias and
/// of the two masks alone: the biased score that selection may have used has no way in. A token whose
/// divisor is 0 gets 0. Requires equal shapes. Sums in double.
std::vector<float> gates(MatrixView<const float> scores, const Mask& selected, const Mask& mask,
                         const GateOptions& options);

/// The gate of kyegomez SwitchTransformers: the kept score over the sum of the kept scores of the same
/// expert over all tokens, plus epsilon, times the number of tokens times the capacity factor. Looks at
/// every token, later ones included. (tokens, experts)
std::vector<float> column_normalised_gates(MatrixView<const float> scores, const Mask& mask,
                                           double capacity_factor = 1.0, double epsilon = 1e-6);

/// Soft MoE's dispatch weights: for each expert's slot a softmax over all tokens (Puigcerver et al.
/// 2023, equation 1), (tokens, experts). `valid` (tokens) or empty: 0 = padding, weighs 0.
std::vector<float> soft_dispatch(MatrixView<const float> logits, std::span<const std::uint8_t> valid = {});

}  // namespace pastonly::routing

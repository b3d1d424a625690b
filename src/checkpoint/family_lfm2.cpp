#include "checkpoint/family_reading.h"
#include "routing/rule_ids.h"

namespace pastonly::checkpoint {

/// LFM2-MoE: most layers are short convolutions.
void read_lfm2(input::ObjectReader& config, Description& out) {
  read_experts(config, "num_experts", "moe_intermediate_size", out);
  out.router.rule = top_k(config, out);
  out.router.score = Score::sigmoid;
  out.router.correction_bias = config.flag("use_expert_bias", true);
  if (out.router.correction_bias) out.router.rule.id = routing::ids::biased_top_k;
  if (config.flag("norm_topk_prob", true)) out.router.gate = GateNormalisation::renormalised;
  out.router.gate_scale = config.number("routed_scaling_factor", 1.0, -1e6, 1e6);
  out.router.sum_floor = 1e-6;
  out.attention.qk_norm = QkNorm::per_head;
  out.convolution.kernel = config.count("conv_L_cache", 3, 1, 1024);
  out.convolution.bias = config.flag("conv_bias", false);
  read_mixers(config, out, "conv", Mixer::convolution, 0);
  const std::size_t dense = config.count("num_dense_layers", 2, 0);
  for (std::size_t l = 0; l < out.layers.size(); ++l) out.layers[l].sparse = l >= dense;
  config.pass_over({"intermediate_size"});
  if (dense > 0) out.expert.dense_width = config.count("intermediate_size");
  out.tied_embeddings =
      config.flag(config.has("tie_embedding") ? "tie_embedding" : "tie_word_embeddings", true);
  config.pass_over({"tie_word_embeddings"});
}

}  // namespace pastonly::checkpoint

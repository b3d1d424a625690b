#include <string>

#include "checkpoint/family_reading.h"
#include "checkpoint/rotary_config.h"

namespace pastonly::checkpoint {

/// HunYuan-A13B: one shared expert of the experts' own width; queries and keys are normalised once rotated.
void read_hunyuan(input::ObjectReader& config, Description& out) {
  read_experts(config, "num_experts", "intermediate_size", out);
  out.router.rule = top_k(config, out, config.has("moe_topk") ? "moe_topk" : "num_experts_per_tok");
  out.router.gate = GateNormalisation::renormalised;
  out.expert.shared_width = out.expert.width;
  out.attention.input_bias = out.attention.output_bias = config.flag("attention_bias", false);
  out.attention.qk_norm = QkNorm::per_head_after_rotation;
  out.attention.rotary = read_rotary(config, out.attention.key_width, {}, std::nullopt, true);
  config.pass_over({"moe_intermediate_size", "num_shared_expert", "eod_token_id"});
}

void read_hy_v3(input::ObjectReader& config, Description& out) {
  read_scaled_sigmoid_experts(config, out, "router_scaling_factor", 2.826, 1);
  out.expert.dense_bias = config.flag("mlp_bias", false);
  out.attention.input_bias = out.attention.output_bias = config.flag("attention_bias", false);
  out.attention.qk_norm = QkNorm::per_head;
  config.pass_over({"enable_moe_fp32_combine"});  // of one precision here
  read_mlp_layer_types(config, out, 1);
}

}  // namespace pastonly::checkpoint

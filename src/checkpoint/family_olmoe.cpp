#include "checkpoint/family_reading.h"

namespace pastonly::checkpoint {

void read_olmoe(input::ObjectReader& config, Description& out) {
  read_experts(config, "num_experts", "intermediate_size", out);
  read_softmax_router(config, out, config.flag("norm_topk_prob", false));
  auto& attention = out.attention;
  attention.qk_norm = QkNorm::whole;
  attention.input_bias = attention.output_bias = config.flag("attention_bias", false);
  if (config.has("clip_qkv")) attention.clip = config.number("clip_qkv", std::nullopt, 0.0, 1e6);
}

/// OLMoE whose norms come after attention and experts, not before.
void read_flex_olmo(input::ObjectReader& config, Description& out) {
  read_experts(config, "num_experts", "intermediate_size", out);
  read_softmax_router(config, out, config.flag("norm_topk_prob", false));
  out.attention.qk_norm = QkNorm::whole;
  out.attention.input_bias = out.attention.output_bias = config.flag("attention_bias", false);
}

}  // namespace pastonly::checkpoint

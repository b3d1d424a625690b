#include "checkpoint/family_reading.h"

namespace pastonly::checkpoint {

void read_granite(input::ObjectReader& config, Description& out) {
  read_experts(config, "num_local_experts", "intermediate_size", out);
  read_softmax_router(config, out, true);
  out.attention.input_bias = out.attention.output_bias = config.flag("attention_bias", false);
  out.attention.scale = config.number("attention_multiplier", 1.0, 0.0, 1e6);
  out.embedding_multiplier = config.number("embedding_multiplier", 1.0, -1e6, 1e6);
  out.residual_multiplier = config.number("residual_multiplier", 1.0, -1e6, 1e6);
  out.logits_divisor = config.number("logits_scaling", 1.0, 1e-6, 1e6);
}

void read_granite_shared(input::ObjectReader& config, Description& out) {
  read_granite(config, out);
  out.expert.shared_width = config.count("shared_intermediate_size", 0, 0);
}

}  // namespace pastonly::checkpoint

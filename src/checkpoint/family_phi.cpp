#include "checkpoint/family_reading.h"

namespace pastonly::checkpoint {

void read_phi(input::ObjectReader& config, Description& out) {
  read_experts(config, "num_local_experts", "intermediate_size", out);
  out.router.rule = top_k(config, out);
  if (config.count("num_experts_per_tok") != 2)
    config.reject("num_experts_per_tok", "PhiMoE's sparse mixer takes 2 experts");
  out.router.gate = GateNormalisation::sparse_mixer;
  out.router.jitter = config.number("router_jitter_noise", 0.01, 0.0, 1.0);
  out.norm = Norm::layer;
  out.attention.input_bias = out.attention.output_bias = config.flag("attention_bias", false);
  out.head_bias = config.flag("lm_head_bias", false);
  set_window(config, out);
}

}  // namespace pastonly::checkpoint

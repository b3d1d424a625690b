#include "checkpoint/family_reading.h"
#include "checkpoint/rotary_config.h"
#include "kernels/elementary.h"

namespace pastonly::checkpoint {

void read_gpt_oss(input::ObjectReader& config, Description& out) {
  read_experts(config, "num_local_experts", "intermediate_size", out);
  read_softmax_router(config, out, true);
  out.router.bias = true;
  out.expert.bias = true;
  out.expert.activation = Activation::clamped;
  out.expert.alpha = config.number("swiglu_alpha", 1.702, -1e3, 1e3);
  out.expert.limit = config.number("swiglu_limit", 7.0, 0.0, 1e6);
  auto& attention = out.attention;
  attention.sinks = true;
  attention.input_bias = attention.output_bias = config.flag("attention_bias", true);
  RotaryDescription usual;
  usual.kind = RotaryDescription::Kind::yarn;
  usual.theta = 150000.0;
  usual.factor = 32.0;
  usual.original_positions = 4096;
  usual.truncate = false;
  usual.amplitude = 0.1 * kernels::log(32.0) + 1.0;
  attention.rotary = read_rotary(config, attention.key_width, usual);
  const std::size_t window = config.count("sliding_window", 128, 0, std::size_t{1} << 32);
  for (std::size_t l = 0; l < out.layers.size(); ++l) out.layers[l].window = l % 2 == 0 ? window : 0;
  read_layer_types(config, out, window, 0);
}

}  // namespace pastonly::checkpoint

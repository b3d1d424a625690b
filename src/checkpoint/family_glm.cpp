#include "checkpoint/family_reading.h"
#include "checkpoint/rotary_config.h"

namespace pastonly::checkpoint {

void read_glm4(input::ObjectReader& config, Description& out) {
  read_shared_experts(config, out, {.shared = 1, .dense_layers = 1});
  read_corrected_router(config, out, config.flag("norm_topk_prob", true), {});
  auto& attention = out.attention;
  attention.input_bias = config.flag("attention_bias", false);
  if (config.flag("use_qk_norm", false)) attention.qk_norm = QkNorm::per_head;
  attention.rotary = read_rotary(config, attention.key_width, {}, 0.5);
}

void read_glm4v(input::ObjectReader& config, Description& out) {
  read_shared_experts(config, out, {.shared = 1, .dense_layers = 1});
  read_corrected_router(config, out, config.flag("norm_topk_prob", true), {});
  out.attention.input_bias = config.flag("attention_bias", true);
  config.pass_over({"use_qk_norm"});  // transformers has none here
  out.attention.rotary = read_rotary(config, out.attention.key_width, {}, 0.5);
}

}  // namespace pastonly::checkpoint

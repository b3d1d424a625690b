#include "checkpoint/family_reading.h"

namespace pastonly::checkpoint {

void read_dots1(input::ObjectReader& config, Description& out) {
  read_shared_experts(config, out, {});
  read_corrected_router(config, out, config.flag("norm_topk_prob", false), {});
  auto& attention = out.attention;
  attention.input_bias = attention.output_bias = config.flag("attention_bias", false);
  attention.qk_norm = QkNorm::per_head;
  const std::size_t window = config.count("sliding_window", 4096, 1, std::size_t{1} << 32);
  const std::size_t whole = config.count("max_window_layers", 62, 0);
  for (std::size_t l = whole; l < out.layers.size(); ++l) out.layers[l].window = window;
  read_layer_types(config, out, window, 0);
}

}  // namespace pastonly::checkpoint

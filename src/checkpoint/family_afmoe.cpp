#include <cmath>
#include <string>

#include "checkpoint/family_reading.h"

namespace pastonly::checkpoint {

/// AFMoE (Trinity): norms before and after both halves, gated attention, rotation in layers with windows
/// alone.
void read_afmoe(input::ObjectReader& config, Description& out) {
  read_scaled_sigmoid_experts(config, out, "route_scale", 1.0, 2);
  const std::size_t dense = config.count("num_dense_layers", 1, 0);
  for (std::size_t l = 0; l < out.layers.size(); ++l) out.layers[l].sparse = l >= dense;
  config.pass_over({"intermediate_size"});
  if (dense > 0) out.expert.dense_width = config.count("intermediate_size");
  if (config.flag("mup_enabled", false)) out.embedding_multiplier = std::sqrt(static_cast<double>(out.width));
  auto& attention = out.attention;
  attention.input_bias = attention.output_bias = config.flag("attention_bias", false);
  attention.qk_norm = QkNorm::per_head;
  attention.gate = OutputGate::beside;
  const std::size_t window = config.count("sliding_window", 1024, 1, std::size_t{1} << 32);
  const std::size_t every = config.count("global_attn_every_n_layers", 4);
  for (std::size_t l = 0; l < out.layers.size(); ++l)
    out.layers[l].window = (l + 1) % every != 0 ? window : 0;
  read_layer_types(config, out, window, 0);
  for (LayerDescription& layer : out.layers) layer.rotates = layer.window > 0;
}

}  // namespace pastonly::checkpoint

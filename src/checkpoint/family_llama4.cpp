#include <algorithm>

#include "checkpoint/family_reading.h"

namespace pastonly::checkpoint {

void read_llama4(input::ObjectReader& config, Description& out) {
  read_experts(config, "num_local_experts", "intermediate_size", out);
  out.router.rule = top_k(config, out);
  out.router.score = Score::sigmoid;
  out.router.gate_enters = true;
  out.expert.shared_width = out.expert.width;
  auto& attention = out.attention;
  attention.input_bias = attention.output_bias = config.flag("attention_bias", false);
  attention.pairing = Pairing::neighbours;
  if (config.flag("use_qk_norm", true)) attention.qk_norm = QkNorm::after_rotation;
  if (config.flag("attn_temperature_tuning", true)) {
    attention.temperature = {config.number("floor_scale", 8192.0, 1.0, 1e9),
                             config.number("attn_scale", 0.1, 0.0, 1e3)};
  }
  const std::size_t step = config.count("interleave_moe_layer_step", 1);
  const std::size_t every = config.count("no_rope_layer_interval", 4);
  const std::size_t chunk = config.count("attention_chunk_size", 8192, 0, std::size_t{1} << 32);
  auto rotating = config.counts("no_rope_layers");
  const auto sparse = config.counts("moe_layers");
  for (std::size_t l = 0; l < out.layers.size(); ++l) {
    LayerDescription& layer = out.layers[l];
    layer.sparse =
        config.has("moe_layers") ? std::ranges::find(sparse, l) != sparse.end() : (l + 1) % step == 0;
    layer.rotates = rotating.empty() ? (l + 1) % every != 0 : l < rotating.size() && rotating[l] != 0;
    layer.chunk = layer.rotates ? chunk : 0;
  }
  if (!rotating.empty() && rotating.size() < out.layers.size())
    config.reject("no_rope_layers", "expected one entry a layer");
  read_layer_types(config, out, 0, chunk);
  config.pass_over(
      {"intermediate_size_mlp", "moe_layers", "interleave_moe_layer_step", "floor_scale", "attn_scale"});
  if (std::ranges::any_of(out.layers, [](const auto& layer) { return !layer.sparse; }))
    out.expert.dense_width = config.count("intermediate_size_mlp");
}

}  // namespace pastonly::checkpoint

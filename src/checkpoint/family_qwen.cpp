#include <algorithm>

#include "checkpoint/family_reading.h"

namespace pastonly::checkpoint {
namespace {

/// mlp_only_layers and decoder_sparse_step.
void read_qwen_layers(input::ObjectReader& config, Description& out) {
  const std::size_t step = config.count("decoder_sparse_step", 1);
  const auto dense = config.counts("mlp_only_layers");
  for (std::size_t l = 0; l < out.layers.size(); ++l)
    out.layers[l].sparse = (l + 1) % step == 0 && std::ranges::find(dense, l) == dense.end();
  if (std::ranges::any_of(out.layers, [](const auto& layer) { return !layer.sparse; }))
    out.expert.dense_width = config.count("intermediate_size");
  config.pass_over({"intermediate_size"});  // where every layer has experts
}

}  // namespace

void read_qwen2(input::ObjectReader& config, Description& out) {
  read_experts(config, "num_experts", "moe_intermediate_size", out);
  read_softmax_router(config, out, config.flag("norm_topk_prob", false));
  out.attention.input_bias = config.flag("qkv_bias", true);
  out.expert.shared_width = config.count("shared_expert_intermediate_size");
  out.expert.shared_gate = true;
  read_qwen_layers(config, out);
  config.pass_over({"sliding_window", "max_window_layers"});
  if (!config.flag("use_sliding_window", false)) return;
  const std::size_t window = config.count("sliding_window", 4096, 1, std::size_t{1} << 32);
  const std::size_t most = config.count("max_window_layers", 28, 0);
  for (std::size_t l = 0; l < out.layers.size(); ++l)
    out.layers[l].window = (l + 1) % 2 != 0 && l < most ? window : 0;
  read_layer_types(config, out, window, 0);
}

void read_qwen3(input::ObjectReader& config, Description& out) {
  read_experts(config, "num_experts", "moe_intermediate_size", out);
  read_softmax_router(config, out, config.flag("norm_topk_prob", false));
  out.attention.input_bias = out.attention.output_bias = config.flag("attention_bias", false);
  out.attention.qk_norm = QkNorm::per_head;
  read_qwen_layers(config, out);
  config.pass_over({"sliding_window", "max_window_layers"});
  if (config.flag("use_sliding_window", false)) set_window(config, out);
}

void read_qwen3_vl(input::ObjectReader& config, Description& out) {
  read_experts(config, "num_experts", "moe_intermediate_size", out);
  read_softmax_router(config, out, true);
  config.pass_over({"norm_topk_prob"});  // transformers renormalises whatever it says
  out.attention.input_bias = out.attention.output_bias = config.flag("attention_bias", false);
  out.attention.qk_norm = QkNorm::per_head;
  read_qwen_layers(config, out);
  config.pass_over({"sliding_window", "max_window_layers", "use_sliding_window"});
}

}  // namespace pastonly::checkpoint

#include <algorithm>
#include <cmath>

#include "checkpoint/family_reading.h"
#include "checkpoint/rotary_config.h"

namespace pastonly::checkpoint {
namespace {

/// Three of four layers by the gated delta rule, gated attention with heads that turn in part, one shared
/// expert with a gate.
void read_delta_layers(input::ObjectReader& config, Description& out) {
  DeltaDescription& delta = out.delta;
  delta.key_heads = config.count("linear_num_key_heads", 16, 1, 65535);
  delta.value_heads = config.count("linear_num_value_heads", 32, 1, 65535);
  delta.key_width = config.count("linear_key_head_dim", 128, 1, 65535);
  delta.value_width = config.count("linear_value_head_dim", 128, 1, 65535);
  delta.kernel = config.count("linear_conv_kernel_dim", 4, 1, 1024);
  if (delta.value_heads % delta.key_heads != 0)
    config.reject("linear_num_value_heads", "expected a multiple of linear_num_key_heads");
  const std::size_t every = config.count("full_attention_interval", 4);
  read_mixers(config, out, "linear_attention", Mixer::delta, every);
  out.gains_from_one = true;
  auto& attention = out.attention;
  attention.key_width = attention.value_width = config.count("head_dim", 256);
  attention.scale = 1.0 / std::sqrt(static_cast<double>(attention.key_width));
  attention.input_bias = attention.output_bias = config.flag("attention_bias", false);
  attention.qk_norm = QkNorm::per_head;
  attention.gate = OutputGate::with_queries;
  attention.rotary = read_rotary(config, attention.key_width, {}, 0.25);
  out.expert.shared_width = config.count("shared_expert_intermediate_size", 512);
  out.expert.shared_gate = true;
}

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

void read_qwen3_next(input::ObjectReader& config, Description& out) {
  read_experts(config, "num_experts", "moe_intermediate_size", out);
  read_softmax_router(config, out, config.flag("norm_topk_prob", true));
  read_delta_layers(config, out);
  out.delta.by_key_heads = true;
  read_qwen_layers(config, out);
}

void read_qwen35(input::ObjectReader& config, Description& out) {
  read_experts(config, "num_experts", "moe_intermediate_size", out);
  read_softmax_router(config, out, true);
  read_delta_layers(config, out);
  config.pass_over({"attn_output_gate", "mamba_ssm_dtype", "mtp_num_hidden_layers",
                    "mtp_use_dedicated_embeddings", "norm_topk_prob", "intermediate_size", "mlp_only_layers",
                    "decoder_sparse_step"});
}

}  // namespace pastonly::checkpoint

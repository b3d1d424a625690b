#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "checkpoint/family_reading.h"
#include "checkpoint/rotary_config.h"

namespace pastonly::checkpoint {
namespace {

/// Width and number of keys of layers that see everything: under keys of their own, or layer by layer as
/// transformers saves them.
void read_whole_shape(input::ObjectReader& config, const Description& out, AttentionDescription& whole) {
  std::size_t width = config.count("global_head_dim", 512, 1, 65535), heads = whole.kv_heads;
  if (whole.values_are_keys) heads = config.count("num_global_key_value_heads", heads, 1, 65535);
  config.pass_over({"num_global_key_value_heads"});
  if (config.has("per_layer_config")) {
    input::ObjectReader layers = config.object("per_layer_config");
    bool first = true;
    for (std::size_t l = 0; l < out.layers.size(); ++l) {
      const std::string index = std::to_string(l);
      if (layers.has(index) != out.layers[l].sees_all)
        return layers.reject(index, "expected an entry for layers of full_attention, and no other");
      if (!out.layers[l].sees_all) continue;
      input::ObjectReader layer = layers.object(index);
      const std::size_t own = layer.count("head_dim", whole.key_width, 1, 65535),
                        kv = layer.count("num_key_value_heads", whole.kv_heads, 1, 65535);
      if (!first && (own != width || kv != heads))
        layer.reject("head_dim", "expected that of all such layers");
      width = own;
      heads = kv;
      first = false;
      layers.adopt(layer);
    }
    config.adopt(layers);
  }
  whole.key_width = whole.value_width = width;
  whole.kv_heads = heads;
  if (whole.heads % whole.kv_heads != 0)
    config.reject("num_global_key_value_heads", "does not divide num_attention_heads");
}

void refuse_what_is_not_run(input::ObjectReader& config) {
  for (const std::string_view key : {"hidden_size_per_layer_input", "num_kv_shared_layers"}) {
    const std::size_t usual = key == "hidden_size_per_layer_input" ? 256 : 0;
    if (config.count(key, usual, 0) != 0)
      config.reject(
          key, fmt::format("expected 0, which is not the default ({}): what it adds is not run here", usual));
  }
  if (!config.flag("enable_moe_block", false))
    config.reject("enable_moe_block", "is false: the model has no experts, so there is no routing to audit");
  if (config.text("hidden_activation", std::string("gelu_pytorch_tanh")) != "gelu_pytorch_tanh")
    config.reject("hidden_activation", "expected gelu_pytorch_tanh");
  config.pass_over({"vocab_size_per_layer_input", "use_double_wide_mlp"});
}

}  // namespace

/// Gemma 4: a dense layer beside the experts of every layer, and a router that reads the stream itself.
void read_gemma4(input::ObjectReader& config, Description& out) {
  refuse_what_is_not_run(config);
  read_experts(config, "num_experts", "moe_intermediate_size", out);
  out.router.rule = top_k(config, out, "top_k_experts");
  out.router.gate = GateNormalisation::renormalised;
  out.router.sum_floor = 0.0;
  out.expert.activation = Activation::gelu;
  out.expert.dense_width = config.count("intermediate_size");
  out.embedding_multiplier =
      static_cast<double>(static_cast<float>(std::sqrt(static_cast<double>(out.width))));
  out.tied_embeddings = config.flag("tie_word_embeddings", true);
  if (config.has("final_logit_softcapping"))
    out.logits_cap = config.number("final_logit_softcapping", std::nullopt, 1e-3, 1e9);
  const std::size_t window = config.count("sliding_window", 512, 1, std::size_t{1} << 32);
  for (std::size_t l = 0; l < out.layers.size(); ++l) out.layers[l].window = (l + 1) % 6 != 0 ? window : 0;
  read_layer_types(config, out, window, 0);
  out.layers.back().window = 0;  // as transformers forces it
  auto& attention = out.attention;
  attention.input_bias = attention.output_bias = config.flag("attention_bias", false);
  attention.qk_norm = QkNorm::per_head;
  attention.value_norm = true;
  attention.scale = 1.0;
  AttentionDescription whole = attention;
  whole.values_are_keys = config.flag("attention_k_eq_v", false);
  for (LayerDescription& layer : out.layers) layer.sees_all = layer.window == 0;
  read_whole_shape(config, out, whole);
  RotaryDescription plain, proportional;
  proportional.kind = RotaryDescription::Kind::proportional;
  proportional.theta = 1e6;
  proportional.turning_pairs = whole.key_width / 8;
  attention.rotary = read_rotary_of(config, "sliding_attention", attention.key_width, plain);
  whole.rotary = read_rotary_of(config, "full_attention", whole.key_width, proportional);
  out.whole_attention = whole;
}

}  // namespace pastonly::checkpoint

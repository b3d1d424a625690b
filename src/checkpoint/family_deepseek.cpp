#include <algorithm>
#include <cmath>
#include <string>

#include "checkpoint/family_reading.h"
#include "checkpoint/rotary_config.h"

namespace pastonly::checkpoint {
namespace {

void read_latent_attention(input::ObjectReader& config, Description& out) {
  auto& attention = out.attention;
  const std::size_t rotated = config.count("qk_rope_head_dim");
  attention.key_width = config.count("qk_nope_head_dim") + rotated;
  attention.value_width = config.count("v_head_dim");
  if (config.count("qk_head_dim", attention.key_width) != attention.key_width)
    config.reject("qk_head_dim", "is not qk_nope_head_dim + qk_rope_head_dim");
  attention.kv_rank = config.count("kv_lora_rank");
  attention.query_rank = config.count("q_lora_rank", 0);
  attention.input_bias = attention.output_bias = config.flag("attention_bias", false);
  attention.kv_heads = attention.heads;
  attention.rotary = read_rotary(config, rotated, {}, 1.0);
  attention.scale = yarn_scale(config) / std::sqrt(static_cast<double>(attention.key_width));
}

/// Latent attention, shared experts, dense first layers: both older DeepSeek families.
void read_deepseek(input::ObjectReader& config, Description& out, const UsualExperts& usual) {
  read_shared_experts(config, out, usual);
  const std::size_t every = config.count("moe_layer_freq", 1);
  if (every != 1) config.reject("moe_layer_freq", "expected 1: transformers supports no other value");
  read_latent_attention(config, out);
}

/// DeepSeek-V3's routers and latent attention as later families have them, whose layers with experts are
/// listed.
void read_like_deepseek_v3(input::ObjectReader& config, Description& out, const UsualExperts& usual) {
  read_shared_experts(config, out, usual);
  read_mlp_layer_types(config, out, usual.dense_layers);
  read_latent_attention(config, out);
  read_corrected_router(config, out, config.flag("norm_topk_prob", true), usual);
  out.attention.pairing = Pairing::neighbours;
  config.pass_over({"head_dim", "moe_layer_freq", "topk_method", "rope_interleave"});
}

/// Attention sees all positions while there are no more than its indexer would choose.
void read_indexer(input::ObjectReader& config, Description& out) {
  out.longest = config.count("index_topk", 2048);
  out.max_positions = std::min(out.max_positions, out.longest);
  if (config.count("q_lora_rank", 0, 0) == 0) config.reject("q_lora_rank", "the indexer reads its queries");
  config.pass_over({"index_head_dim", "index_n_heads", "indexer_types", "index_topk_freq",
                    "index_topk_pattern", "index_skip_topk_offset", "indexer_rope_interleave",
                    "layer_types"});
}

}  // namespace

void read_deepseek_v2(input::ObjectReader& config, Description& out) {
  const UsualExperts usual{.shared = 2, .groups = std::nullopt, .kept = std::nullopt};
  read_deepseek(config, out, usual);
  read_softmax_router(config, out, false);
  out.attention.pairing = Pairing::neighbours;
  if (config.text("scoring_func", std::string("softmax")) != "softmax")
    config.reject("scoring_func", "expected softmax");
  if (config.flag("norm_topk_prob", false))
    config.reject("norm_topk_prob", "expected false: transformers does not renormalise here");
  const std::string method = config.text("topk_method", std::string("greedy"));
  config.pass_over({"n_group", "topk_group"});
  if (method == "group_limited_greedy") {
    read_groups(config, out, "max", usual);
    out.router.rule.parameters.emplace_back("group_mask", "zero");
  } else if (method != "greedy") {
    config.reject("topk_method", "expected greedy or group_limited_greedy");
  }
}

void read_deepseek_v3(input::ObjectReader& config, Description& out) {
  const UsualExperts usual{.shared = 1, .dense_layers = 3, .scale = 2.5, .groups = 8, .kept = 4};
  read_deepseek(config, out, usual);
  read_corrected_router(config, out, config.flag("norm_topk_prob", true), usual);
  out.attention.pairing = config.flag("rope_interleave", true) ? Pairing::neighbours : Pairing::halves;
  if (config.text("scoring_func", std::string("sigmoid")) != "sigmoid")
    config.reject("scoring_func", "expected sigmoid");
  if (config.text("topk_method", std::string("noaux_tc")) != "noaux_tc")
    config.reject("topk_method", "expected noaux_tc");
}

void read_glm4_lite(input::ObjectReader& config, Description& out) {
  read_like_deepseek_v3(config, out, {.shared = 1, .dense_layers = 1, .scale = 1.8});
  out.attention.pairing = config.flag("rope_interleave", true) ? Pairing::neighbours : Pairing::halves;
}

void read_deepseek_v32(input::ObjectReader& config, Description& out) {
  const std::size_t dense = config.count("first_k_dense_replace", 3, 0);
  read_like_deepseek_v3(config, out,
                        {.shared = 1, .dense_layers = dense, .scale = 2.5, .groups = 8, .kept = 4});
  read_indexer(config, out);
}

void read_glm_dsa(input::ObjectReader& config, Description& out) {
  const std::size_t dense = config.count("first_k_dense_replace", 3, 0);
  read_like_deepseek_v3(config, out, {.shared = 1, .dense_layers = dense, .scale = 2.5});
  read_indexer(config, out);
}

}  // namespace pastonly::checkpoint

#include <cmath>
#include <string>

#include "checkpoint/family_reading.h"
#include "checkpoint/rotary_config.h"

namespace pastonly::checkpoint {
namespace {

/// Multi-head latent attention, shared experts, dense first layers: both DeepSeek families.
void read_deepseek(input::ObjectReader& config, Description& out, const UsualExperts& usual) {
  read_shared_experts(config, out, usual);
  const std::size_t every = config.count("moe_layer_freq", 1);
  if (every != 1) config.reject("moe_layer_freq", "expected 1: transformers supports no other value");
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
  attention.rotary = read_rotary(config, rotated, {});
  attention.scale = yarn_scale(config) / std::sqrt(static_cast<double>(attention.key_width));
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

}  // namespace pastonly::checkpoint

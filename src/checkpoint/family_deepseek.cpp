#include <algorithm>
#include <cmath>
#include <string>

#include "checkpoint/family_reading.h"
#include "checkpoint/rotary_config.h"

namespace pastonly::checkpoint {
namespace {

/// Multi-head latent attention, shared experts, dense first layers: both DeepSeek families.
void read_deepseek(ConfigReader& config, Description& out) {
  read_experts(config, "n_routed_experts", "moe_intermediate_size", out);
  out.router.gate_scale = config.number("routed_scaling_factor", 1.0, -1e6, 1e6);
  out.expert.shared_width = config.count("n_shared_experts", 0, 0, 1024) * out.expert.width;
  const std::size_t dense = config.count("first_k_dense_replace", 0, 0);
  const std::size_t every = config.count("moe_layer_freq", 1);
  if (every != 1) config.reject("moe_layer_freq", "expected 1: transformers knows no other");
  for (std::size_t l = 0; l < std::min(dense, out.layers.size()); ++l) out.layers[l].sparse = false;
  if (dense > 0) out.expert.dense_width = config.count("intermediate_size");
  auto& attention = out.attention;
  const std::size_t rotated = config.count("qk_rope_head_dim");
  attention.key_width = config.count("qk_nope_head_dim") + rotated;
  attention.value_width = config.count("v_head_dim");
  attention.kv_rank = config.count("kv_lora_rank");
  attention.query_rank = config.count("q_lora_rank", 0);
  attention.input_bias = attention.output_bias = config.flag("attention_bias", false);
  attention.kv_heads = attention.heads;
  attention.rotary = read_rotary(config, rotated, {});
  attention.scale = yarn_scale(config) / std::sqrt(static_cast<double>(attention.key_width));
}

void read_groups(ConfigReader& config, Description& out, std::string_view group_score) {
  const std::size_t groups = config.count("n_group", 1), kept = config.count("topk_group", 1);
  if (out.router.experts % groups != 0) config.reject("n_group", "expected a divisor of n_routed_experts");
  if (kept > groups) config.reject("topk_group", "more than n_group");
  if (group_score == "top2" && out.router.experts / groups < 2)
    config.reject("n_group", "groups of one expert have no two best");
  auto& rule = out.router.rule;
  rule.id = "group-limited-top-k";
  rule.parameters.insert(
      rule.parameters.end(),
      {{"groups", groups}, {"topk_groups", kept}, {"group_score", std::string(group_score)}});
  if (config.count("num_experts_per_tok") > out.router.experts / groups * kept)
    config.reject("num_experts_per_tok", "more than topk_group groups hold");
}

}  // namespace

void read_deepseek_v2(ConfigReader& config, Description& out) {
  read_deepseek(config, out);
  read_softmax_router(config, out, false);
  out.attention.pairing = Pairing::neighbours;
  if (config.text("scoring_func", std::string("softmax")) != "softmax")
    config.reject("scoring_func", "expected softmax");
  if (config.flag("norm_topk_prob", false))
    config.reject("norm_topk_prob", "expected false: transformers does not renormalise here");
  const std::string method = config.text("topk_method", std::string("greedy"));
  if (method == "group_limited_greedy") {
    read_groups(config, out, "max");
    out.router.rule.parameters.emplace_back("group_mask", "zero");
  } else if (method != "greedy") {
    config.reject("topk_method", "expected greedy or group_limited_greedy");
  }
}

void read_deepseek_v3(ConfigReader& config, Description& out) {
  read_deepseek(config, out);
  read_softmax_router(config, out, config.flag("norm_topk_prob", true));
  out.router.score = Score::sigmoid;
  out.router.correction_bias = true;
  out.attention.pairing = config.flag("rope_interleave", true) ? Pairing::neighbours : Pairing::halves;
  if (config.text("scoring_func", std::string("sigmoid")) != "sigmoid")
    config.reject("scoring_func", "expected sigmoid");
  if (config.text("topk_method", std::string("noaux_tc")) != "noaux_tc")
    config.reject("topk_method", "expected noaux_tc");
  if (config.count("n_group", 1) > 1) {
    read_groups(config, out, "top2");
  } else {
    out.router.rule.id = "biased-top-k";
  }
}

}  // namespace pastonly::checkpoint

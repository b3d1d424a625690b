#include "checkpoint/gguf_architectures.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "checkpoint/gguf_rotary.h"

namespace pastonly::checkpoint {
namespace {

using input::Json;

/// Values of expert_gating_func.
constexpr std::size_t gating_unsaid = 0, gating_softmax = 1, gating_sigmoid = 2, gating_softmax_weight = 3;

std::size_t head_width(GgufKeys& keys) {
  const std::size_t heads = keys.count("attention.head_count", std::nullopt, 1, 65535);
  const std::size_t usual = std::max<std::size_t>(keys.count("embedding_length") / heads, 1);
  const std::size_t width = keys.count("attention.key_length", usual);
  if (keys.count("attention.value_length", usual) != width)
    keys.reject("attention.value_length", "expected as much as attention.key_length");
  return width;
}

/// Heads that turn whole, as the family's do.
void turn_whole(GgufKeys& keys, Json& config) {
  const std::size_t width = head_width(keys);
  config["head_dim"] = width;
  if (keys.count("rope.dimension_count", width) != width)
    keys.reject("rope.dimension_count", fmt::format("expected {}, the width of a head", width));
  config["rope_parameters"] = rope_of(keys);
}

/// The width of experts under the key of newer files, or of the only feed-forward there is.
std::size_t expert_width(GgufKeys& keys) {
  if (keys.has("expert_feed_forward_length")) return keys.count("expert_feed_forward_length");
  const std::size_t used = keys.count("expert_used_count");
  return std::max<std::size_t>(keys.count("feed_forward_length") / used, 1);
}

bool has_bias(const GgufKeys& keys) { return keys.tensor("blk.0.attn_q.bias") != nullptr; }

void expect_gating(GgufKeys& keys, std::size_t gating, std::size_t usual) {
  if (keys.count("expert_gating_func", usual, 0, 100) != gating)
    keys.reject("expert_gating_func",
                fmt::format("expected {} ({})", gating, gating == gating_sigmoid ? "sigmoid" : "softmax"));
}

/// Groups of experts, said even where there are none: a family's usual ones are others.
void add_groups(GgufKeys& keys, Json& config) {
  config["n_group"] = std::max<std::size_t>(keys.count("expert_group_count", 1, 0), 1);
  config["topk_group"] = std::max<std::size_t>(keys.count("expert_group_used_count", 1, 0), 1);
}

/// What DeepSeek's relatives say of their experts.
void add_shared_experts(GgufKeys& keys, Json& config) {
  config["moe_intermediate_size"] = keys.count("expert_feed_forward_length");
  config["n_shared_experts"] = keys.count("expert_shared_count", 0, 0, 1024);
  config["first_k_dense_replace"] = keys.count("leading_dense_block_count", 0, 0);
  const double scale = keys.number("expert_weights_scale", 0.0, -1e6, 1e6);
  config["routed_scaling_factor"] = scale == 0.0 ? 1.0 : scale;
  config["norm_topk_prob"] = keys.flag("expert_weights_norm", false);
  add_groups(keys, config);
}

void configure_llama(GgufKeys& keys, Json& config) {
  turn_whole(keys, config);
  expect_gating(keys, gating_softmax, gating_softmax);
  keys.refuse("expert_shared_feed_forward_length", "shared experts are not supported here");
}

void configure_olmoe(GgufKeys& keys, Json& config) {
  turn_whole(keys, config);
  expect_gating(keys, gating_softmax, gating_softmax);
  config["norm_topk_prob"] = false;  // as in llama.cpp, which no key tells otherwise
}

void configure_qwen2moe(GgufKeys& keys, Json& config) {
  turn_whole(keys, config);
  expect_gating(keys, gating_softmax, gating_softmax);
  config["norm_topk_prob"] = false;  // so here
  config["moe_intermediate_size"] = expert_width(keys);
  config["shared_expert_intermediate_size"] = keys.has("expert_shared_feed_forward_length")
                                                  ? keys.count("expert_shared_feed_forward_length")
                                                  : keys.count("feed_forward_length");
  config["qkv_bias"] = has_bias(keys);
}

void configure_qwen3moe(GgufKeys& keys, Json& config) {
  turn_whole(keys, config);
  expect_gating(keys, gating_softmax, gating_softmax);
  config["norm_topk_prob"] = true;  // so here
  config["moe_intermediate_size"] = expert_width(keys);
}

/// 0 stands for no scale.
double scale_of(GgufKeys& keys, std::string_view key, double usual) {
  const double scale = keys.number(key, 0.0, -1e6, 1e6);
  return scale == 0.0 ? usual : scale;
}

void configure_granitemoe(GgufKeys& keys, Json& config) {
  turn_whole(keys, config);
  expect_gating(keys, gating_softmax, gating_softmax);
  keys.refuse("expert_shared_feed_forward_length", "shared experts are not supported here");
  const auto width = config["head_dim"].get<double>();
  config["attention_multiplier"] = scale_of(keys, "attention.scale", 1.0 / std::sqrt(width));
  config["embedding_multiplier"] = scale_of(keys, "embedding_scale", 1.0);
  config["residual_multiplier"] = scale_of(keys, "residual_scale", 1.0);
  config["logits_scaling"] = keys.number("logit_scale", std::nullopt, 1e-6, 1e6);
  config["attention_bias"] = has_bias(keys);
}

void configure_gpt_oss(GgufKeys& keys, Json& config) {
  turn_whole(keys, config);
  expect_gating(keys, gating_softmax_weight, gating_softmax_weight);
  config["intermediate_size"] = keys.count("expert_feed_forward_length");
  config["sliding_window"] = keys.count("attention.sliding_window", std::nullopt, 0, std::size_t{1} << 32);
  if (keys.count("attention.sliding_window_pattern", 2) != 2)
    keys.reject("attention.sliding_window_pattern", "expected 2: every other layer");
}

void configure_deepseek2(GgufKeys& keys, Json& config) {
  add_shared_experts(keys, config);
  const bool latent = keys.has("attention.key_length_mla");
  const std::size_t key = keys.count(latent ? "attention.key_length_mla" : "attention.key_length");
  const std::size_t rotated = keys.count("rope.dimension_count");
  if (rotated >= key) keys.reject("rope.dimension_count", "expected less than the width of a key");
  config["qk_rope_head_dim"] = rotated;
  config["qk_nope_head_dim"] = rotated < key ? key - rotated : 1;
  config["v_head_dim"] = keys.count(latent ? "attention.value_length_mla" : "attention.value_length");
  for (const char* said : {"attention.key_length", "attention.value_length"}) keys.pass_over(said);
  config["kv_lora_rank"] = keys.count("attention.kv_lora_rank");
  config["q_lora_rank"] = nullptr;
  if (keys.has("attention.q_lora_rank")) config["q_lora_rank"] = keys.count("attention.q_lora_rank");
  config["rope_parameters"] = rope_of(keys, true);
  config["num_key_value_heads"] = config["num_attention_heads"];  // llama.cpp says how it lays them out
  keys.refuse("attention.temperature_scale", "a temperature of attention is not supported here");
  if (keys.count("expert_gating_func", gating_softmax, 0, 100) == gating_sigmoid) {
    config["model_type"] = "deepseek_v3";
    return;
  }
  expect_gating(keys, gating_softmax, gating_softmax);
  if (config["n_group"] != 1)
    keys.reject("expert_group_count",
                "groups of softmax scores are not supported: llama.cpp chooses groups by their two best "
                "experts, DeepSeek-V2 by the best one");
  config["topk_method"] = "greedy";
}

void configure_glm4moe(GgufKeys& keys, Json& config) {
  add_shared_experts(keys, config);
  expect_gating(keys, gating_sigmoid, gating_sigmoid);
  const std::size_t width = head_width(keys), turning = keys.count("rope.dimension_count", width);
  config["head_dim"] = width;
  if (turning > width) keys.reject("rope.dimension_count", "more than the width of a head");
  config["rope_parameters"] = rope_of(keys);
  // Read back as a whole number, rounded down.
  config["rope_parameters"]["partial_rotary_factor"] =
      turning >= width ? 1.0 : (static_cast<double>(turning) + 0.5) / static_cast<double>(width);
  config["attention_bias"] = has_bias(keys);
  config["use_qk_norm"] = keys.tensor("blk.0.attn_q_norm.weight") != nullptr;
}

void configure_dots1(GgufKeys& keys, Json& config) {
  add_shared_experts(keys, config);
  turn_whole(keys, config);
  expect_gating(keys, gating_sigmoid, gating_unsaid);
  config["max_window_layers"] = config["num_hidden_layers"];  // llama.cpp has no windows here
}

void configure_ernie(GgufKeys& keys, Json& config) {
  turn_whole(keys, config);
  expect_gating(keys, gating_softmax, gating_softmax);
  const std::size_t width = keys.count("expert_feed_forward_length");
  const std::size_t shared = keys.count("expert_shared_feed_forward_length", 0, 0);
  keys.pass_over("expert_shared_count");  // llama.cpp goes by the width
  if (shared % width != 0)
    keys.reject("expert_shared_feed_forward_length",
                fmt::format("expected a multiple of expert_feed_forward_length = {}", width));
  config["moe_intermediate_size"] = width;
  config["moe_num_shared_experts"] = shared / width;
  config["moe_k"] = config["num_experts_per_tok"];
  config.erase("num_experts_per_tok");
  config["moe_layer_start_index"] = keys.count("leading_dense_block_count", 0, 0);
  config["moe_layer_interval"] = keys.count("interleave_moe_layer_step");
  config["use_bias"] = false;
}

void configure_minimax(GgufKeys& keys, Json& config) {
  config["intermediate_size"] = keys.count("expert_feed_forward_length");
  const std::size_t width = head_width(keys), turning = keys.count("rope.dimension_count", width);
  config["head_dim"] = width;
  config["rotary_dim"] = turning;
  config["rope_parameters"] = rope_of(keys);
  if (turning > width) keys.reject("rope.dimension_count", "more than the width of a head");
  expect_gating(keys, gating_sigmoid, gating_unsaid);
  add_groups(keys, config);
}

void configure_llama4(GgufKeys& keys, Json& config) {
  turn_whole(keys, config);
  expect_gating(keys, gating_sigmoid, gating_sigmoid);
  config["intermediate_size_mlp"] = config["intermediate_size"];
  config["intermediate_size"] = keys.count("expert_feed_forward_length");
  config["interleave_moe_layer_step"] = keys.count("interleave_moe_layer_step");
  config["use_qk_norm"] = keys.count("expert_count") != 128;  // of Maverick: no key says it
  if (keys.has("attention.sliding_window"))
    keys.reject("attention.sliding_window",
                "is not supported: llama.cpp's chunks are of 8192 positions, or the layers have none");
}

/// llama.cpp turns neighbours here, and the converter reordered queries and keys for it.
void turn_neighbours(Description& description) { description.attention.pairing = Pairing::neighbours; }

/// llama.cpp has one epsilon for all norms.
void one_epsilon(Description& description) {
  description.attention.rank_norm_epsilon = description.norm_epsilon;
}

void as_it_is(Description&) {}

constexpr auto known_gguf_architectures = std::to_array<GgufArchitecture>({
    {"llama", "mixtral", configure_llama, turn_neighbours},
    {"olmoe", "olmoe", configure_olmoe, as_it_is},
    {"qwen2moe", "qwen2_moe", configure_qwen2moe, as_it_is},
    {"qwen3moe", "qwen3_moe", configure_qwen3moe, as_it_is},
    {"granitemoe", "granitemoe", configure_granitemoe, turn_neighbours},
    {"gpt-oss", "gpt_oss", configure_gpt_oss, as_it_is},
    {"deepseek2", "deepseek_v2", configure_deepseek2, one_epsilon},
    {"glm4moe", "glm4_moe", configure_glm4moe, as_it_is},
    {"dots1", "dots1", configure_dots1, as_it_is},
    {"ernie4_5-moe", "ernie4_5_moe", configure_ernie, as_it_is},
    {"minimax-m2", "minimax_m2", configure_minimax, as_it_is},
    {"llama4", "llama4_text", configure_llama4, as_it_is},
});

}  // namespace

std::span<const GgufArchitecture> gguf_architectures() { return known_gguf_architectures; }

}  // namespace pastonly::checkpoint

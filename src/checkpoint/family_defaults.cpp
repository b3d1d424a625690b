#include "checkpoint/family_defaults.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>

namespace pastonly::checkpoint {
namespace {

using input::Json;

// The configuration classes of transformers 5.24; tests/torch/configurations.py compares.
constexpr std::string_view defaults = R"({
  "olmoe": {"vocab_size": 50304, "hidden_size": 2048, "num_hidden_layers": 16, "num_attention_heads": 16,
    "max_position_embeddings": 4096, "rms_norm_eps": 1e-05, "num_experts": 64, "num_experts_per_tok": 8,
    "intermediate_size": 2048},
  "mixtral": {"vocab_size": 32000, "hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32,
    "num_key_value_heads": 8, "max_position_embeddings": 131072, "rms_norm_eps": 1e-05,
    "num_local_experts": 8, "num_experts_per_tok": 2, "intermediate_size": 14336},
  "qwen2_moe": {"vocab_size": 151936, "hidden_size": 2048, "num_hidden_layers": 24,
    "num_attention_heads": 16, "num_key_value_heads": 16, "max_position_embeddings": 32768,
    "rms_norm_eps": 1e-06, "num_experts": 60, "num_experts_per_tok": 4, "intermediate_size": 5632,
    "moe_intermediate_size": 1408, "shared_expert_intermediate_size": 5632},
  "qwen3_moe": {"vocab_size": 151936, "hidden_size": 2048, "num_hidden_layers": 24,
    "num_attention_heads": 32, "num_key_value_heads": 4, "max_position_embeddings": 32768,
    "rms_norm_eps": 1e-06, "num_experts": 128, "num_experts_per_tok": 8, "intermediate_size": 6144,
    "moe_intermediate_size": 768},
  "granitemoe": {"vocab_size": 32000, "hidden_size": 4096, "num_hidden_layers": 32,
    "num_attention_heads": 32, "max_position_embeddings": 2048, "rms_norm_eps": 1e-06,
    "num_local_experts": 8, "num_experts_per_tok": 2, "intermediate_size": 11008},
  "phimoe": {"vocab_size": 32064, "hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32,
    "num_key_value_heads": 8, "max_position_embeddings": 131072, "rms_norm_eps": 1e-05,
    "num_local_experts": 16, "num_experts_per_tok": 2, "intermediate_size": 6400},
  "gpt_oss": {"vocab_size": 201088, "hidden_size": 2880, "num_hidden_layers": 36, "num_attention_heads": 64,
    "num_key_value_heads": 8, "head_dim": 64, "max_position_embeddings": 131072, "rms_norm_eps": 1e-05,
    "num_local_experts": 128, "num_experts_per_tok": 4, "intermediate_size": 2880},
  "deepseek_v2": {"vocab_size": 102400, "hidden_size": 4096, "num_hidden_layers": 32,
    "num_attention_heads": 32, "max_position_embeddings": 2048, "rms_norm_eps": 1e-06,
    "n_routed_experts": 64, "intermediate_size": 11008, "moe_intermediate_size": 1407, "kv_lora_rank": 512,
    "q_lora_rank": 1536, "qk_rope_head_dim": 64, "qk_nope_head_dim": 128, "v_head_dim": 128},
  "deepseek_v3": {"vocab_size": 129280, "hidden_size": 7168, "num_hidden_layers": 61,
    "num_attention_heads": 128, "num_key_value_heads": 128, "max_position_embeddings": 4096,
    "rms_norm_eps": 1e-06, "n_routed_experts": 256, "num_experts_per_tok": 8, "intermediate_size": 18432,
    "moe_intermediate_size": 2048, "kv_lora_rank": 512, "q_lora_rank": 1536, "qk_rope_head_dim": 64,
    "qk_nope_head_dim": 128, "v_head_dim": 128},
  "glm4_moe": {"vocab_size": 151552, "hidden_size": 4096, "num_hidden_layers": 46, "num_attention_heads": 96,
    "num_key_value_heads": 8, "max_position_embeddings": 131072, "rms_norm_eps": 1e-05,
    "n_routed_experts": 128, "num_experts_per_tok": 8, "intermediate_size": 10944,
    "moe_intermediate_size": 1408},
  "dots1": {"vocab_size": 152064, "hidden_size": 4608, "num_hidden_layers": 62, "num_attention_heads": 32,
    "num_key_value_heads": 32, "max_position_embeddings": 2048, "rms_norm_eps": 1e-06,
    "intermediate_size": 10944, "moe_intermediate_size": 1408},
  "ernie4_5_moe": {"vocab_size": 103424, "hidden_size": 2560, "num_hidden_layers": 28,
    "num_attention_heads": 20, "num_key_value_heads": 4, "max_position_embeddings": 131072,
    "rms_norm_eps": 1e-05, "moe_num_experts": 64, "moe_k": 6, "intermediate_size": 12288,
    "moe_intermediate_size": 1536},
  "minimax_m2": {"vocab_size": 200064, "hidden_size": 3072, "num_hidden_layers": 62,
    "num_attention_heads": 48, "num_key_value_heads": 8, "head_dim": 128, "max_position_embeddings": 196608,
    "rms_norm_eps": 1e-06, "num_local_experts": 256, "num_experts_per_tok": 8, "intermediate_size": 1536},
  "llama4_text": {"vocab_size": 202048, "hidden_size": 5120, "num_hidden_layers": 48,
    "num_attention_heads": 40, "num_key_value_heads": 8, "head_dim": 128, "max_position_embeddings": 131072,
    "rms_norm_eps": 1e-05, "num_local_experts": 16, "num_experts_per_tok": 1, "intermediate_size": 8192,
    "intermediate_size_mlp": 16384},
  "flex_olmo": {"vocab_size": 100352, "hidden_size": 4096, "num_hidden_layers": 32,
    "num_attention_heads": 32, "max_position_embeddings": 4096, "rms_norm_eps": 1e-06, "num_experts": 7,
    "num_experts_per_tok": 5, "intermediate_size": 11008},
  "qwen3_vl_moe_text": {"vocab_size": 151936, "hidden_size": 2048, "num_hidden_layers": 24,
    "num_attention_heads": 16, "num_key_value_heads": 16, "max_position_embeddings": 128000,
    "rms_norm_eps": 1e-06, "num_experts": 60, "num_experts_per_tok": 4, "intermediate_size": 5632,
    "moe_intermediate_size": 1408},
  "glm4v_moe_text": {"vocab_size": 151424, "hidden_size": 4096, "num_hidden_layers": 46,
    "num_attention_heads": 96, "num_key_value_heads": 8, "max_position_embeddings": 65536,
    "rms_norm_eps": 1e-05, "n_routed_experts": 128, "num_experts_per_tok": 8, "intermediate_size": 10944,
    "moe_intermediate_size": 1408},
  "ernie4_5_vl_moe_text": {"vocab_size": 103424, "hidden_size": 2560, "num_hidden_layers": 28,
    "num_attention_heads": 20, "num_key_value_heads": 4, "max_position_embeddings": 131072,
    "rms_norm_eps": 1e-05, "moe_num_experts": 64, "moe_k": 6, "intermediate_size": 12288},
  "glm4_moe_lite": {"vocab_size": 154880, "hidden_size": 2048, "num_hidden_layers": 47,
    "num_attention_heads": 20, "num_key_value_heads": 20, "max_position_embeddings": 202752,
    "rms_norm_eps": 1e-05, "n_routed_experts": 64, "num_experts_per_tok": 4, "intermediate_size": 10240,
    "moe_intermediate_size": 1536, "kv_lora_rank": 512, "q_lora_rank": 768, "qk_rope_head_dim": 64,
    "qk_nope_head_dim": 192, "v_head_dim": 256},
  "deepseek_v32": {"vocab_size": 129280, "hidden_size": 7168, "num_hidden_layers": 61,
    "num_attention_heads": 128, "num_key_value_heads": 128,
    "max_position_embeddings": 163840, "rms_norm_eps": 1e-06, "n_routed_experts": 256,
    "num_experts_per_tok": 8, "intermediate_size": 18432, "moe_intermediate_size": 2048, "kv_lora_rank": 512,
    "q_lora_rank": 1536, "qk_rope_head_dim": 64, "qk_nope_head_dim": 128, "v_head_dim": 128},
  "glm_moe_dsa": {"vocab_size": 154880, "hidden_size": 6144, "num_hidden_layers": 78,
    "num_attention_heads": 64, "num_key_value_heads": 64, "max_position_embeddings": 202752,
    "rms_norm_eps": 1e-05, "n_routed_experts": 256, "num_experts_per_tok": 8, "intermediate_size": 12288,
    "moe_intermediate_size": 2048, "kv_lora_rank": 512, "q_lora_rank": 2048, "qk_rope_head_dim": 64,
    "qk_nope_head_dim": 192, "v_head_dim": 256},
  "granitemoeshared": {"vocab_size": 32000, "hidden_size": 4096, "num_hidden_layers": 32,
    "num_attention_heads": 32, "max_position_embeddings": 2048, "rms_norm_eps": 1e-06,
    "num_local_experts": 8, "num_experts_per_tok": 2, "intermediate_size": 11008},
  "granitemoehybrid": {"vocab_size": 32000, "hidden_size": 4096, "num_hidden_layers": 32,
    "num_attention_heads": 32, "max_position_embeddings": 2048, "rms_norm_eps": 1e-06,
    "num_local_experts": 8, "num_experts_per_tok": 2, "intermediate_size": 11008},
  "qwen3_next": {"vocab_size": 151936, "hidden_size": 2048, "num_hidden_layers": 48,
    "num_attention_heads": 16, "num_key_value_heads": 2, "head_dim": 256, "max_position_embeddings": 32768,
    "rms_norm_eps": 1e-06, "num_experts": 512, "num_experts_per_tok": 10, "intermediate_size": 5632,
    "moe_intermediate_size": 512, "shared_expert_intermediate_size": 512},
  "qwen3_5_moe_text": {"vocab_size": 248320, "hidden_size": 2048, "num_hidden_layers": 40,
    "num_attention_heads": 16, "num_key_value_heads": 2, "head_dim": 256, "max_position_embeddings": 32768,
    "rms_norm_eps": 1e-06, "num_experts": 256, "num_experts_per_tok": 8, "moe_intermediate_size": 512,
    "shared_expert_intermediate_size": 512},
  "lfm2_moe": {"vocab_size": 65536, "hidden_size": 2048, "num_hidden_layers": 32, "num_attention_heads": 32,
    "num_key_value_heads": 8, "max_position_embeddings": 128000, "norm_eps": 1e-05, "num_experts": 32,
    "num_experts_per_tok": 4, "intermediate_size": 7168, "moe_intermediate_size": 1792},
  "hunyuan_v1_moe": {"vocab_size": 290943, "hidden_size": 4096, "num_hidden_layers": 32,
    "num_attention_heads": 32, "max_position_embeddings": 2048, "rms_norm_eps": 1e-05, "num_experts": 1,
    "moe_topk": 1, "intermediate_size": 11008},
  "hy_v3": {"vocab_size": 120832, "hidden_size": 4096, "num_hidden_layers": 80, "num_attention_heads": 64,
    "num_key_value_heads": 8, "head_dim": 128, "max_position_embeddings": 131072, "rms_norm_eps": 1e-05,
    "num_experts": 192, "num_experts_per_tok": 8, "intermediate_size": 13312, "moe_intermediate_size": 1536},
  "exaone_moe": {"vocab_size": 102400, "hidden_size": 4096, "num_hidden_layers": 32,
    "num_attention_heads": 32, "num_key_value_heads": 32, "max_position_embeddings": 2048,
    "rms_norm_eps": 1e-05, "num_experts": 64, "num_experts_per_tok": 8, "intermediate_size": 16384,
    "moe_intermediate_size": 1024},
  "gemma4_text": {"vocab_size": 262144, "hidden_size": 2304, "num_hidden_layers": 30, "num_attention_heads": 8,
    "num_key_value_heads": 4, "head_dim": 256, "max_position_embeddings": 131072, "rms_norm_eps": 1e-06,
    "intermediate_size": 9216},
  "afmoe": {"vocab_size": 200192, "hidden_size": 2048, "num_hidden_layers": 32, "num_attention_heads": 16,
    "head_dim": 128, "max_position_embeddings": 16384, "rms_norm_eps": 1e-05, "num_experts": 64,
    "num_experts_per_tok": 6, "intermediate_size": 6144, "moe_intermediate_size": 1408}
})";

/// Names of one number: where one is given, no other is filled in.
constexpr auto synonyms = std::to_array<std::string_view>(
    {"num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts"});
constexpr auto synonyms_of_k = std::to_array<std::string_view>({"num_experts_per_tok", "moe_k", "moe_topk"});

template <std::size_t Size>
bool said_otherwise(const std::array<std::string_view, Size>& names, const std::string& key,
                    const Json& config) {
  const auto is = [&](std::string_view name) { return name == key; };
  return std::ranges::any_of(names, is) && std::ranges::any_of(names, [&](std::string_view name) {
           return config.contains(std::string(name));
         });
}

const Json& table() {
  static const Json parsed = Json::parse(defaults);
  return parsed;
}

}  // namespace

std::vector<std::string> fill_defaults(std::string_view model_type, Json& config) {
  std::vector<std::string> filled;
  const auto family = table().find(std::string(model_type));
  if (family == table().end()) return filled;
  for (const auto& [key, value] : family->items()) {
    if (!config.contains(key) && !said_otherwise(synonyms, key, config) &&
        !said_otherwise(synonyms_of_k, key, config)) {
      config[key] = value;
      filled.push_back(fmt::format("{} = {}", key, value.dump()));
    }
  }
  return filled;
}

}  // namespace pastonly::checkpoint

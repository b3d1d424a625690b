#include <vector>

#include "checkpoint/family.h"
#include "checkpoint/family_reading.h"

namespace pastonly::checkpoint {
namespace {

const Names& qwen_names() {
  static const Names names{{"mlp"},        {"gate.weight"}, "gate_proj",
                           "up_proj",      "down_proj",     {{"experts.gate_up_proj", "experts.down_proj"}},
                           "shared_expert"};
  return names;
}

const Names& mixtral_names() {
  static const Names names{{"block_sparse_moe", "mlp"},
                           {"gate.weight", "router.weight"},
                           "w1",
                           "w3",
                           "w2",
                           {{"experts.gate_up_proj", "experts.down_proj"}},
                           ""};
  return names;
}

Names deepseek_names() {
  Names names = qwen_names();
  names.shared = "shared_experts";
  return names;
}

Names ernie_names() {
  Names names = deepseek_names();
  names.correction = "moe_statics.e_score_correction_bias";
  names.correction_is_row = true;
  return names;
}

Names minimax_names() {
  Names names = mixtral_names();
  names.correction = "e_score_correction_bias";
  return names;
}

std::vector<Family> make_families() {
  return {
      {"olmoe", "OLMoE", 1e4, qwen_names(), read_olmoe},
      {"mixtral", "Mixtral", 1e6, mixtral_names(), read_mixtral},
      {"qwen2_moe", "Qwen2-MoE", 1e4, qwen_names(), read_qwen2},
      {"qwen3_moe", "Qwen3-MoE", 1e4, qwen_names(), read_qwen3},
      {"granitemoe",
       "GraniteMoE",
       1e4,
       {{"block_sparse_moe"},
        {"router.layer.weight", "router.weight"},
        "",
        "",
        "",
        {{"input_linear.weight", "output_linear.weight"}, {"experts.gate_up_proj", "experts.down_proj"}},
        ""},
       read_granite},
      {"phimoe", "PhiMoE", 1e6, mixtral_names(), read_phi},
      {"gpt_oss",
       "gpt-oss",
       1.5e5,
       {{"mlp"},
        {"router.weight"},
        "",
        "",
        "",
        {{"experts.gate_up_proj", "experts.down_proj", true, true}},
        ""},
       read_gpt_oss},
      {"deepseek_v2", "DeepSeek-V2", 1e4, deepseek_names(), read_deepseek_v2},
      {"deepseek_v3", "DeepSeek-V3", 1e4, deepseek_names(), read_deepseek_v3},
      {"glm4_moe", "GLM-4 MoE", 1e4, deepseek_names(), read_glm4},
      {"dots1", "dots.llm1", 1e4, deepseek_names(), read_dots1},
      {"ernie4_5_moe", "ERNIE 4.5 MoE", 5e5, ernie_names(), read_ernie},
      {"minimax_m2", "MiniMax-M2", 5e6, minimax_names(), read_minimax_m2},
      {"llama4_text",
       "Llama 4 (text)",
       5e5,
       {{"feed_forward"},
        {"router.weight"},
        "gate_proj",
        "up_proj",
        "down_proj",
        {{"experts.gate_up_proj", "experts.down_proj", true, false}},
        "shared_expert",
        "feed_forward"},
       read_llama4},
  };
}

}  // namespace

std::span<const Family> families() {
  static const std::vector<Family> all = make_families();
  return all;
}

const Family* find_family(std::string_view model_type) {
  for (const Family& family : families()) {
    if (family.model_type == model_type) return &family;
  }
  return nullptr;
}

const Family* find_renamed(std::string_view model_type) {
  // Kimi-K2's config.json: architectures DeepseekV3ForCausalLM, auto_map
  // modeling_deepseek.DeepseekV3ForCausalLM.
  return model_type == "kimi_k2" ? find_family("deepseek_v3") : nullptr;
}

}  // namespace pastonly::checkpoint

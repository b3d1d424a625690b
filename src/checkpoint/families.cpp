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
  names.correction_rows = 1;
  return names;
}

Names ernie_vl_names() {
  Names names = ernie_names();
  names.correction_rows = 2;  // of text, of images
  names.router_inputs_first = true;
  names.unused = {".mlp.gate.weight_1", ".mlp.experts."};  // experts beyond those of text
  return names;
}

Names qwen_vl_names() {
  Names names = qwen_names();
  names.fused.front().either_first = true;
  return names;
}

Names flex_olmo_names() {
  Names names = qwen_names();
  names.before_attention = names.before_experts = "";
  names.after_attention = "post_attention_layernorm";
  names.after_experts = "post_feedforward_layernorm";
  return names;
}

Names granite_names() {
  return {{"block_sparse_moe"},
          {"router.layer.weight", "router.weight"},
          "",
          "",
          "",
          {{"input_linear.weight", "output_linear.weight"}, {"experts.gate_up_proj", "experts.down_proj"}},
          ""};
}

Names granite_shared_names() {
  Names names = granite_names();
  names.shared = "shared_mlp";
  names.shared_beside = true;
  names.shared_fused = {"input_linear.weight", "output_linear.weight"};
  return names;
}

Names lfm2_names() {
  Names names = mixtral_names();
  names.blocks = {"feed_forward"};
  names.routers = {"gate.weight"};
  names.correction = "expert_bias";
  names.dense = "feed_forward";
  names.dense_gate = "w1";
  names.dense_up = "w3";
  names.dense_down = "w2";
  names.before_attention = "operator_norm";
  names.before_experts = "ffn_norm";
  names.last_norm = "embedding_norm";
  names.attention_output = "out_proj";
  names.query_norm = "q_layernorm";
  names.key_norm = "k_layernorm";
  return names;
}

Names hunyuan_names() {
  Names names = qwen_names();
  names.routers = {"gate.wg.weight"};
  names.shared = "shared_mlp";
  names.query_norm = "query_layernorm";
  names.key_norm = "key_layernorm";
  return names;
}

std::vector<std::string> hunyuan_lists() {
  return {"num_experts", "moe_topk", "moe_intermediate_size", "num_shared_expert"};
}

Names hy_v3_names() {
  Names names = qwen_names();
  names.routers = {"router.gate.weight", "gate.weight"};
  names.shared = "shared_mlp";
  names.correction = "expert_bias";
  return names;
}

Names delta_names() {
  Names names = qwen_names();
  names.unused = {"mtp."};
  return names;
}

Names exaone_names() {
  Names names = deepseek_names();
  names.unused = {"mtp."};
  names.correction = "e_score_correction_bias";
  return names;
}

Names indexed_names() {
  Names names = deepseek_names();
  names.unused = {".self_attn.indexer."};
  return names;
}

Names afmoe_names() {
  Names names = deepseek_names();
  names.routers = {"router.gate.weight"};
  names.correction = "expert_bias";
  names.after_attention = "post_attention_layernorm";
  names.before_experts = "pre_mlp_layernorm";
  names.after_experts = "post_mlp_layernorm";
  return names;
}

Names gemma4_names() {
  Names names = qwen_names();
  names.own_router = "router";
  names.layer_scale = "layer_scalar";
  names.after_attention = "post_attention_layernorm";
  names.before_experts = "pre_feedforward_layernorm_2";
  names.after_routed = "post_feedforward_layernorm_2";
  names.before_shared = "pre_feedforward_layernorm";
  names.after_shared = "post_feedforward_layernorm_1";
  names.after_experts = "post_feedforward_layernorm";
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
      {"granitemoe", "GraniteMoE", 1e4, granite_names(), read_granite},
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
      {"flex_olmo", "FlexOlmo", 5e5, flex_olmo_names(), read_flex_olmo},
      {"qwen3_vl_moe_text", "Qwen3-VL-MoE (text)", 5e5, qwen_vl_names(), read_qwen3_vl},
      {"glm4v_moe_text", "GLM-4.5V (text)", 1e4, deepseek_names(), read_glm4v},
      {"ernie4_5_vl_moe_text", "ERNIE 4.5 VL MoE (text)", 5e5, ernie_vl_names(), read_ernie_vl},
      {"glm4_moe_lite", "GLM-4.7-Flash", 1e4, deepseek_names(), read_glm4_lite},
      {"deepseek_v32", "DeepSeek-V3.2", 1e4, indexed_names(), read_deepseek_v32},
      {"glm_moe_dsa", "GLM-5", 1e4, indexed_names(), read_glm_dsa},
      {"granitemoeshared", "GraniteMoE with shared experts", 1e4, granite_shared_names(),
       read_granite_shared},
      {"granitemoehybrid", "Granite 4", 1e4, granite_shared_names(), read_granite_hybrid},
      {"qwen3_next", "Qwen3-Next", 1e4, delta_names(), read_qwen3_next},
      {"qwen3_5_moe_text", "Qwen3.5-MoE (text)", 1e4, delta_names(), read_qwen35},
      {"lfm2_moe", "LFM2-MoE", 1e6, lfm2_names(), read_lfm2, "norm_eps"},
      {"hunyuan_v1_moe", "HunYuan-A13B", 1e4, hunyuan_names(), read_hunyuan, "rms_norm_eps", hunyuan_lists()},
      {"hy_v3", "Hy3", 11158840.0, hy_v3_names(), read_hy_v3},
      {"exaone_moe", "K-EXAONE", 1e4, exaone_names(), read_exaone},
      {"gemma4_text", "Gemma 4 (text)", 1e4, gemma4_names(), read_gemma4},
      {"afmoe", "AFMoE (Trinity)", 1e4, afmoe_names(), read_afmoe},
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

#include "lint/framework.h"

#include <algorithm>
#include <array>
#include <set>

namespace pastonly::lint {
namespace {

constexpr auto all = std::to_array<FrameworkInfo>({
    {Framework::megatron,
     "megatron",
     "Megatron-LM, Megatron-Core",
     "github.com/NVIDIA/Megatron-LM",
     "d98e8a64dd, 2026-08-22",
     "moe_token_drop_policy moe_expert_capacity_factor moe_router_load_balancing_type moe_router_topk "
     "moe_token_dispatcher_type moe_grouped_gemm moe_aux_loss_coeff moe_router_score_function "
     "num_moe_experts "
     "moe_router_enable_expert_bias moe_expert_rank_capacity_factor moe_input_jitter_eps "
     "moe_router_force_load_balancing "
     "moe_router_force_biased moe_pad_expert_input_to_capacity moe_router_dtype moe_router_pre_softmax "
     "moe_router_num_groups num_experts+expert_model_parallel_size",
     {}},
    {Framework::nemo,
     "nemo",
     "NeMo 2",
     "github.com/NVIDIA/NeMo",
     "8cfedd7203, 2025-09-20",
     "MegatronTokenDropCallback()",
     {}},
    {Framework::megatron_deepspeed,
     "megatron-deepspeed",
     "Megatron-DeepSpeed",
     "github.com/microsoft/Megatron-DeepSpeed",
     "f4157bea, 2024-12-24",
     "moe_train_capacity_factor moe_eval_capacity_factor moe_min_capacity disable_moe_token_dropping "
     "disable_moe_top2_2nd_expert_sampling create_moe_param_group moe_expert_parallel_size moe_loss_coeff "
     "topk+deepspeed expert_interval",
     {}},
    {Framework::deepspeed,
     "deepspeed",
     "DeepSpeed",
     "github.com/deepspeedai/DeepSpeed",
     "edaa72212, 2026-08-22",
     "drop_tokens use_rts top2_2nd_expert_sampling noisy_gate_policy MoE()+import_deepspeed "
     "zero_optimization "
     "train_micro_batch_size_per_gpu",
     {}},
    {Framework::megablocks,
     "megablocks",
     "MegaBlocks",
     "github.com/databricks/megablocks",
     "78eea65, 2025-06-26",
     "moe_capacity_factor ffn_type+moe_num_experts",
     {}},
    {Framework::fairseq,
     "fairseq",
     "fairseq (branch moe)",
     "github.com/facebookresearch/fairseq",
     "26d62ae8fb; BASE layers 3d262bb2, 2025-09-30",
     "moe_top1_expert moe_second_expert_policy moe_batch_prioritized_routing moe_expert_count+moe_freq "
     "moe_eval_capacity_token_fraction+moe_freq base_layers",
     {}},
    {Framework::hugging_face,
     "huggingface",
     "Hugging Face transformers",
     "github.com/huggingface/transformers",
     "5.24.0",
     "model_type architectures overrides_of_model_config",
     {}},
    {Framework::openmoe,
     "openmoe",
     "OpenMoE (ColossalAI)",
     "github.com/hpcaitech/ColossalAI",
     "0a3aae509b",
     "router_drop_tks router_capacity_factor_train router_capacity_factor_eval",
     {}},
    {Framework::olmo_core,
     "olmo-core",
     "OLMo-core",
     "github.com/allenai/OLMo-core",
     "fa6c5014c, 2026-06-22",
     "feed_forward_moe() MoEConfig() MoERouterConfig() llama_like_moe() bias_gamma",
     {}},
    {Framework::torchtitan,
     "torchtitan",
     "torchtitan",
     "github.com/pytorch/torchtitan",
     "b5bcd76c6, 2026-08-21",
     "load_balance_coeff _debug_force_load_balance moe_force_load_balance moe_comm_backend "
     "non_blocking_capacity_factor "
     "flavor+name",
     {}},
    {Framework::maxtext,
     "maxtext",
     "MaxText",
     "github.com/AI-Hypercomputer/maxtext",
     "e591f30cb, 2026-08-22",
     "sparse_matmul megablox base_emb_dim ici_fsdp_parallelism base_num_decoder_layers per_device_batch_size "
     "ragged_buffer_factor",
     {}},
    {Framework::flaxformer, "flaxformer", "flaxformer, T5X", "github.com/google/flaxformer",
     "399ea3a, 2024-04-12",
     "MoeLayer() ExpertsChooseMaskedRouter() TokensChooseMaskedRouter() TokensChooseScatterRouter() "
     "NUM_SELECTED_EXPERTS "
     "TRAIN_EXPERT_CAPACITY_FACTOR",
     Syntax::gin},
    {Framework::llama_factory,
     "llama-factory",
     "LLaMA-Factory",
     "github.com/hiyouga/LLaMA-Factory",
     "ff6d4d12e, 2026-08-18",
     "finetuning_type mixture_of_depths model_name_or_path+stage",
     {}},
    {Framework::axolotl,
     "axolotl",
     "axolotl",
     "github.com/axolotl-ai-cloud/axolotl",
     "067b021c8, 2026-07-24",
     "base_model+datasets base_model+adapter quantize_moe_experts",
     {}},
    {Framework::llama_cpp, "llama.cpp", "llama.cpp (metadata of GGUF files)", "github.com/ggml-org/llama.cpp",
     "00395eb285", "expert_count", Syntax::gguf},
});

/// Every key, and every block's name with "()"; of scoped names the last part too.
std::set<std::string, std::less<>> words_of(const Document& document) {
  std::set<std::string, std::less<>> words;
  for (const Block& block : document.blocks) {
    if (!block.name.empty()) {
      words.insert(block.name + "()");
      if (const auto slash = block.name.rfind('/'); slash != std::string::npos)
        words.insert(block.name.substr(slash + 1) + "()");
    }
    for (const Entry& entry : block.entries) words.insert(entry.key);
  }
  return words;
}

template <class Each>
bool any_part(std::string_view text, char between, Each each) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(between), text.size());
    if (end > 0 && each(text.substr(0, end))) return true;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return false;
}

}  // namespace

std::string_view name(Syntax syntax) noexcept {
  constexpr std::array<std::string_view, 8> names{"YAML",   "JSON", "TOML", "shell",
                                                  "Python", "gin",  "log",  "GGUF"};
  return names[static_cast<std::size_t>(syntax)];
}

std::span<const FrameworkInfo> frameworks() noexcept { return all; }

const FrameworkInfo& info(Framework framework) noexcept {
  return *std::ranges::find(all, framework, &FrameworkInfo::id);
}

const FrameworkInfo* find_framework(std::string_view name) noexcept {
  const auto* found = std::ranges::find(all, name, &FrameworkInfo::name);
  return found == all.end() ? nullptr : &*found;
}

std::vector<Framework> frameworks_of(const Document& document, Syntax syntax) {
  const auto words = words_of(document);
  std::vector<Framework> out;
  for (const FrameworkInfo& one : all) {
    if (one.only && *one.only != syntax) continue;
    const bool shown = any_part(one.signs, ' ', [&](std::string_view sign) {
      return !any_part(sign, '+', [&](std::string_view word) { return words.find(word) == words.end(); });
    });
    if (shown) out.push_back(one.id);
  }
  return out;
}

}  // namespace pastonly::lint

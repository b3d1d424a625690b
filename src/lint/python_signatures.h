#pragma once

#include <array>
#include <span>
#include <string_view>

namespace pastonly::lint {

/// Calls of the table (Option::block) whose arguments people pass by position too.
struct PythonSignature {
  std::string_view name;
  std::string_view package;  ///< has to be imported: others have a class of this name; "" = any
  std::span<const std::string_view> parameters;  ///< in order; none where what a position means is not known
};

namespace signatures {
/// deepspeed/moe/layer.py: MoE.__init__, edaa72212.
inline constexpr auto deepspeed_moe = std::to_array<std::string_view>(
    {"hidden_size", "expert", "num_experts", "ep_size", "k", "capacity_factor", "eval_capacity_factor",
     "min_capacity", "use_residual", "noisy_gate_policy", "drop_tokens", "use_rts", "use_tutel",
     "enable_expert_tensor_parallelism", "top2_2nd_expert_sampling"});
/// nemo/lightning/pytorch/callbacks/moe_token_drop.py, 8cfedd7203.
inline constexpr auto nemo_token_drop =
    std::to_array<std::string_view>({"moe_expert_capacity_factor", "moe_pad_expert_input_to_capacity"});
}  // namespace signatures

inline constexpr auto python_signatures = std::to_array<PythonSignature>({
    {"MoE", "deepspeed", signatures::deepspeed_moe},
    {"MegatronTokenDropCallback", "", signatures::nemo_token_drop},
    {"MoEConfig", "", {}},
    {"llama_like_moe", "", {}},
});

}  // namespace pastonly::lint

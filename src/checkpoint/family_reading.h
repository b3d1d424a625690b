#pragma once

#include <string_view>

#include "checkpoint/description.h"
#include "input/text/object_reader.h"
#include "pastonly/routing_rule.h"

namespace pastonly::checkpoint {

// What families read of their configurations in the same way. Errors stay in the reader.

/// top-k by num_experts_per_tok, or by the family's own name of it.
RuleSpec top_k(input::ObjectReader& config, const Description& out,
               std::string_view key = "num_experts_per_tok");

/// The number of experts, under its usual key or under another that versions of transformers have written,
/// and their width.
void read_experts(input::ObjectReader& config, std::string_view count, std::string_view width,
                  Description& out);

/// Top-k of softmax scores.
void read_softmax_router(input::ObjectReader& config, Description& out, bool renormalised);

/// What transformers takes where the configuration does not say.
struct UsualExperts {
  std::size_t shared = 0, dense_layers = 0;
  double scale = 1.0;                               ///< routed_scaling_factor
  std::optional<std::size_t> groups = 1, kept = 1;  ///< n_group, topk_group; nothing: they must be said
};

/// Experts as DeepSeek's families count them: routed ones, shared ones, none in the first layers.
void read_shared_experts(input::ObjectReader& config, Description& out, const UsualExperts& usual);

/// Top-k among the experts of the best groups: n_group, topk_group.
void read_groups(input::ObjectReader& config, Description& out, std::string_view group_score,
                 const UsualExperts& usual);

/// DeepSeek-V3's router: sigmoid scores, to which a correction bias is added for selection alone.
void read_corrected_router(input::ObjectReader& config, Description& out, bool renormalised,
                           const UsualExperts& usual);

/// Experts (num_experts, num_shared_experts) behind sigmoid scores with a correction bias, renormalised and
/// scaled, without groups.
void read_scaled_sigmoid_experts(input::ObjectReader& config, Description& out, std::string_view scale_key,
                                 double usual_scale, std::size_t usual_shared);

/// mlp_layer_types: which layers have experts; where absent, all after the first `dense` ones.
void read_mlp_layer_types(input::ObjectReader& config, Description& out, std::size_t dense);

/// sliding_window of all layers.
void set_window(input::ObjectReader& config, Description& out);

/// layer_types: which layers see a window or a chunk.
void read_layer_types(input::ObjectReader& config, Description& out, std::size_t window, std::size_t chunk);

/// layer_types of models some of whose layers mix by `other` in place of attention, under the name `name`.
/// Where absent, all layers but every `every`-th; 0 = it must be there.
void read_mixers(input::ObjectReader& config, Description& out, std::string_view name, Mixer other,
                 std::size_t every);

// One reader a family (family_*.cpp). Sources: the modeling files of transformers 5.

void read_olmoe(input::ObjectReader& config, Description& out);
void read_mixtral(input::ObjectReader& config, Description& out);
void read_qwen2(input::ObjectReader& config, Description& out);
void read_qwen3(input::ObjectReader& config, Description& out);
void read_granite(input::ObjectReader& config, Description& out);
void read_phi(input::ObjectReader& config, Description& out);
void read_gpt_oss(input::ObjectReader& config, Description& out);
void read_deepseek_v2(input::ObjectReader& config, Description& out);
void read_deepseek_v3(input::ObjectReader& config, Description& out);
void read_glm4(input::ObjectReader& config, Description& out);
void read_dots1(input::ObjectReader& config, Description& out);
void read_ernie(input::ObjectReader& config, Description& out);
void read_minimax_m2(input::ObjectReader& config, Description& out);
void read_llama4(input::ObjectReader& config, Description& out);
void read_flex_olmo(input::ObjectReader& config, Description& out);
void read_qwen3_vl(input::ObjectReader& config, Description& out);
void read_glm4v(input::ObjectReader& config, Description& out);
void read_ernie_vl(input::ObjectReader& config, Description& out);
void read_glm4_lite(input::ObjectReader& config, Description& out);
void read_deepseek_v32(input::ObjectReader& config, Description& out);
void read_glm_dsa(input::ObjectReader& config, Description& out);
void read_qwen3_next(input::ObjectReader& config, Description& out);
void read_qwen35(input::ObjectReader& config, Description& out);
void read_lfm2(input::ObjectReader& config, Description& out);
void read_granite_hybrid(input::ObjectReader& config, Description& out);
void read_granite_shared(input::ObjectReader& config, Description& out);
void read_hunyuan(input::ObjectReader& config, Description& out);
void read_hy_v3(input::ObjectReader& config, Description& out);
void read_exaone(input::ObjectReader& config, Description& out);
void read_afmoe(input::ObjectReader& config, Description& out);
void read_gemma4(input::ObjectReader& config, Description& out);

}  // namespace pastonly::checkpoint

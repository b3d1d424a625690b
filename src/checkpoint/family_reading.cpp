#include "checkpoint/family_reading.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <string>

#include "routing/rule_ids.h"

namespace pastonly::checkpoint {

RuleSpec top_k(input::ObjectReader& config, const Description& out, std::string_view key) {
  const std::size_t k = config.count(key);
  if (k > out.router.experts) config.reject(key, "more than there are experts");
  return {std::string(routing::ids::top_k), {{"k", k}}};
}

void read_experts(input::ObjectReader& config, std::string_view count, std::string_view width,
                  Description& out) {
  constexpr std::size_t most = 65535;
  std::string_view found = count;
  for (const std::string_view key : {"num_experts", "num_local_experts", "n_routed_experts"}) {
    if (key == found || !config.has(key)) continue;
    if (!config.has(found)) {
      found = key;
    } else if (config.count(key, std::nullopt, 1, most) != config.count(found, std::nullopt, 1, most)) {
      config.reject(key, "another number than under " + std::string(found));
    }
  }
  out.router.experts = config.count(found, std::nullopt, 1, most);
  out.expert.width = config.count(width);
}

void read_softmax_router(input::ObjectReader& config, Description& out, bool renormalised) {
  out.router.rule = top_k(config, out);
  out.router.gate = renormalised ? GateNormalisation::renormalised : GateNormalisation::raw;
}

void read_shared_experts(input::ObjectReader& config, Description& out, const UsualExperts& usual) {
  read_experts(config, "n_routed_experts", "moe_intermediate_size", out);
  out.router.gate_scale = config.number("routed_scaling_factor", usual.scale, -1e6, 1e6);
  out.expert.shared_width = config.count("n_shared_experts", usual.shared, 0, 1024) * out.expert.width;
  const std::size_t dense = config.count("first_k_dense_replace", usual.dense_layers, 0);
  for (std::size_t l = 0; l < std::min(dense, out.layers.size()); ++l) out.layers[l].sparse = false;
  config.pass_over({"intermediate_size"});
  if (dense > 0) out.expert.dense_width = config.count("intermediate_size");
}

void read_groups(input::ObjectReader& config, Description& out, std::string_view group_score,
                 const UsualExperts& usual) {
  const std::size_t groups = config.count("n_group", usual.groups),
                    kept = config.count("topk_group", usual.kept);
  if (out.router.experts % groups != 0) config.reject("n_group", "expected a divisor of n_routed_experts");
  if (kept > groups) config.reject("topk_group", "more than n_group");
  if (group_score == "top2" && out.router.experts / groups < 2)
    config.reject("n_group", "groups of one expert have no second-best expert");
  auto& rule = out.router.rule;
  rule.id = routing::ids::group_limited_top_k;
  rule.parameters.insert(
      rule.parameters.end(),
      {{"groups", groups}, {"topk_groups", kept}, {"group_score", std::string(group_score)}});
  if (config.count("num_experts_per_tok") > out.router.experts / groups * kept)
    config.reject("num_experts_per_tok", "more than topk_group groups hold");
}

void read_corrected_router(input::ObjectReader& config, Description& out, bool renormalised,
                           const UsualExperts& usual) {
  read_softmax_router(config, out, renormalised);
  if (config.has("scoring_func") && config.text("scoring_func", std::nullopt) == "softmax")
    config.reject("scoring_func", "expected sigmoid: it is what transformers computes here");
  out.router.score = Score::sigmoid;
  out.router.correction_bias = true;
  if (config.count("n_group", usual.groups) > 1) {
    read_groups(config, out, "top2", usual);
  } else {
    if (config.count("topk_group", 1) > 1) config.reject("topk_group", "more than n_group");
    out.router.rule.id = routing::ids::biased_top_k;
  }
}

void read_scaled_sigmoid_experts(input::ObjectReader& config, Description& out, std::string_view scale_key,
                                 double usual_scale, std::size_t usual_shared) {
  read_experts(config, "num_experts", "moe_intermediate_size", out);
  out.router.rule = top_k(config, out);
  out.router.rule.id = routing::ids::biased_top_k;
  out.router.score = Score::sigmoid;
  out.router.correction_bias = true;
  out.router.gate = GateNormalisation::renormalised;
  out.router.gate_scale = config.number(scale_key, usual_scale, -1e6, 1e6);
  out.expert.shared_width = config.count("num_shared_experts", usual_shared, 0, 1024) * out.expert.width;
}

void read_mlp_layer_types(input::ObjectReader& config, Description& out, std::size_t dense) {
  const auto types = config.texts("mlp_layer_types");
  if (!types.empty() && types.size() != out.layers.size())
    return config.reject("mlp_layer_types", "expected one entry a layer");
  for (std::size_t l = 0; l < out.layers.size(); ++l) {
    if (!types.empty() && types[l] != "dense" && types[l] != "sparse")
      return config.reject("mlp_layer_types", "expected dense or sparse");
    out.layers[l].sparse = types.empty() ? l >= dense : types[l] == "sparse";
  }
  config.pass_over({"intermediate_size"});
  if (out.sparse_layers() < out.layers.size()) out.expert.dense_width = config.count("intermediate_size");
}

void set_window(input::ObjectReader& config, Description& out) {
  const std::size_t window = config.count("sliding_window", 0, 0, std::size_t{1} << 32);
  for (LayerDescription& layer : out.layers) layer.window = window;
}

void read_layer_types(input::ObjectReader& config, Description& out, std::size_t window, std::size_t chunk) {
  const auto types = config.texts("layer_types");
  if (types.empty()) return;
  if (types.size() != out.layers.size()) return config.reject("layer_types", "expected one entry a layer");
  for (std::size_t l = 0; l < types.size(); ++l) {
    out.layers[l].window = types[l] == "sliding_attention" ? window : 0;
    out.layers[l].chunk = types[l] == "chunked_attention" ? chunk : 0;
    if (types[l] != "sliding_attention" && types[l] != "chunked_attention" && types[l] != "full_attention")
      return config.reject("layer_types", "expected full_attention, sliding_attention or chunked_attention");
  }
}

void read_mixers(input::ObjectReader& config, Description& out, std::string_view name, Mixer other,
                 std::size_t every) {
  const auto types = config.texts("layer_types");
  if ((types.empty() && every == 0) || (!types.empty() && types.size() != out.layers.size()))
    return config.reject("layer_types", "expected one entry a layer");
  for (std::size_t l = 0; l < out.layers.size(); ++l) {
    // transformers renames what older configurations say: attention, and mamba.
    const bool whole =
        types.empty() ? (l + 1) % every == 0 : types[l] == "full_attention" || types[l] == "attention";
    const bool old_name = !types.empty() && other == Mixer::state_space && types[l] == "mamba";
    if (!whole && !types.empty() && types[l] != name && !old_name)
      return config.reject("layer_types", fmt::format("expected full_attention or {}", name));
    out.layers[l].mixer = whole ? Mixer::attention : other;
  }
}

}  // namespace pastonly::checkpoint

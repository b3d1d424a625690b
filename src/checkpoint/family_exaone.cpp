#include <string>

#include "checkpoint/family_reading.h"

namespace pastonly::checkpoint {
namespace {

/// Every `sliding_window_pattern`-th layer sees everything, and does not rotate; the others see a window.
void read_windows(input::ObjectReader& config, Description& out) {
  if (config.is_null("sliding_window"))
    return config.reject("sliding_window", "expected a number, found null");
  const std::size_t window = config.count("sliding_window", 4096, 1, std::size_t{1} << 32);
  config.pass_over({"sliding_window_pattern"});
  auto types = config.texts("layer_types");
  if (types.empty()) {
    const std::size_t every = config.count("sliding_window_pattern", 4);
    for (std::size_t l = 0; l < out.layers.size(); ++l)
      types.emplace_back((l + 1) % every != 0 ? "sliding_attention" : "full_attention");
  }
  if (types.size() != out.layers.size()) return config.reject("layer_types", "expected one entry a layer");
  for (std::size_t l = 0; l < types.size(); ++l) {
    const bool local = types[l] == "sliding_attention";
    if (!local && types[l] != "full_attention")
      return config.reject("layer_types", "expected full_attention or sliding_attention");
    out.layers[l].window = local ? window : 0;
    out.layers[l].rotates = local;
  }
}

}  // namespace

void read_exaone(input::ObjectReader& config, Description& out) {
  const std::size_t dense = config.count("first_k_dense_replace", 1, 0);
  read_experts(config, "num_experts", "moe_intermediate_size", out);
  out.router.gate_scale = config.number("routed_scaling_factor", 2.5, -1e6, 1e6);
  out.expert.shared_width = config.count("num_shared_experts", 1, 0, 1024) * out.expert.width;
  read_corrected_router(config, out, config.flag("norm_topk_prob", true), {});
  read_mlp_layer_types(config, out, dense);
  out.attention.qk_norm = QkNorm::per_head;
  read_windows(config, out);
}

}  // namespace pastonly::checkpoint

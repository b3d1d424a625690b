#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>

#include "checkpoint/family_reading.h"

namespace pastonly::checkpoint {
namespace {

/// [0, infinity] where nothing is said; infinity is written in several ways, among them as no number.
void read_step_limits(input::ObjectReader& config, StateSpaceDescription& space) {
  space.longest_step = std::numeric_limits<double>::infinity();
  const input::Json* limits = config.find("time_step_limit");
  if (limits == nullptr) return;
  if (!limits->is_array() || limits->size() != 2 || !limits->front().is_number())
    return config.wrong("time_step_limit", "two numbers, of which the second may be infinite");
  space.shortest_step = limits->front().get<double>();
  if (limits->back().is_number()) space.longest_step = limits->back().get<double>();
  if (!(space.shortest_step <= space.longest_step)) config.wrong("time_step_limit", "the lower limit first");
}

}  // namespace

void read_granite(input::ObjectReader& config, Description& out) {
  read_experts(config, "num_local_experts", "intermediate_size", out);
  read_softmax_router(config, out, true);
  out.attention.input_bias = out.attention.output_bias = config.flag("attention_bias", false);
  out.attention.scale = config.number("attention_multiplier", 1.0, 0.0, 1e6);
  out.embedding_multiplier = config.number("embedding_multiplier", 1.0, -1e6, 1e6);
  out.residual_multiplier = config.number("residual_multiplier", 1.0, -1e6, 1e6);
  out.logits_divisor = config.number("logits_scaling", 1.0, 1e-6, 1e6);
}

void read_granite_shared(input::ObjectReader& config, Description& out) {
  read_granite(config, out);
  out.expert.shared_width = config.count("shared_intermediate_size", 0, 0);
}

/// Granite 4: most layers are state spaces (Mamba 2).
void read_granite_hybrid(input::ObjectReader& config, Description& out) {
  read_granite(config, out);
  out.expert.shared_width = config.count("shared_intermediate_size", 1024);
  StateSpaceDescription& space = out.state_space;
  space.heads = config.count("mamba_n_heads", 128, 1, 65535);
  const std::size_t inner = config.count("mamba_expand", 2, 1, 64) * out.width;
  const input::Json* head = config.find("mamba_d_head");
  const bool automatic = head == nullptr || (head->is_string() && *head == "auto");
  space.head_width = automatic ? std::max<std::size_t>(inner / space.heads, 1) : config.count("mamba_d_head");
  if (space.inner() != inner)
    config.reject("mamba_d_head", "mamba_n_heads times it is not mamba_expand times hidden_size");
  space.groups = config.count("mamba_n_groups", 1, 1, 65535);
  if (space.heads % space.groups != 0) config.reject("mamba_n_groups", "does not divide mamba_n_heads");
  space.state = config.count("mamba_d_state", 256, 1, 65535);
  space.kernel = config.count("mamba_d_conv", 4, 1, 1024);
  space.convolution_bias = config.flag("mamba_conv_bias", true);
  space.bias = config.flag("mamba_proj_bias", false);
  read_step_limits(config, space);
  config.pass_over({"mamba_chunk_size"});
  const bool rotates = config.text("position_embedding_type", std::string("none")) == "rope";
  for (LayerDescription& layer : out.layers) layer.rotates = rotates;
  read_mixers(config, out, "linear_attention", Mixer::state_space, SIZE_MAX);
}

}  // namespace pastonly::checkpoint

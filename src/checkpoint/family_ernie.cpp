#include "checkpoint/family_reading.h"
#include "routing/rule_ids.h"

namespace pastonly::checkpoint {

namespace {

/// Router, shared experts and biases: what both ERNIE families have. The experts are read before.
void read_ernie_block(input::ObjectReader& config, Description& out) {
  out.router.rule = top_k(config, out, config.has("moe_k") ? "moe_k" : "num_experts_per_tok");
  out.router.rule.id = routing::ids::biased_top_k;
  out.router.correction_bias = true;
  out.router.gate = GateNormalisation::renormalised;
  // Of the sum that gates are divided by: softmax scores of the chosen are never that small.
  config.number("moe_norm_min", 1e-12, 0.0, 1e-6);
  out.expert.shared_width = config.count("moe_num_shared_experts", 2, 0, 1024) * out.expert.width;
  out.expert.dense_width = config.count("intermediate_size");
  out.attention.pairing = Pairing::neighbours;
  const bool bias = config.flag("use_bias", false);
  out.attention.input_bias = out.attention.output_bias = out.expert.dense_bias = out.head_bias = bias;
  out.tied_embeddings = config.flag("tie_word_embeddings", true);
}

}  // namespace

void read_ernie(input::ObjectReader& config, Description& out) {
  read_experts(config, "moe_num_experts", "moe_intermediate_size", out);
  read_ernie_block(config, out);
  const std::size_t first = config.count("moe_layer_start_index", 1, 0),
                    every = config.count("moe_layer_interval", 1);
  const double last = config.number("moe_layer_end_index", -1.0, -1.0, 1e6);  // -1: of all
  for (std::size_t l = 0; l < out.layers.size(); ++l)
    out.layers[l].sparse =
        (l + 1) % every == 0 && l >= first && (last < 0.0 || static_cast<double>(l) <= last);
}

/// Text has experts of its own, and so have images: theirs are not run.
void read_ernie_vl(input::ObjectReader& config, Description& out) {
  out.router.experts = config.count("moe_num_experts", std::nullopt, 1, 65535);
  const auto widths = config.has("moe_intermediate_size") ? config.counts("moe_intermediate_size")
                                                          : std::vector<std::size_t>{1536, 512};
  if (widths.size() != 2 || widths[0] == 0)
    return config.reject("moe_intermediate_size",
                         "expected two widths, of the experts of text and of images");
  out.expert.width = widths[0];
  read_ernie_block(config, out);
  out.head_bias = false;
  read_mlp_layer_types(config, out, 1);
}

}  // namespace pastonly::checkpoint

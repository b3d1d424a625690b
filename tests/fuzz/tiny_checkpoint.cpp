#include "fuzz/tiny_checkpoint.h"

#include <fmt/format.h>

#include <cmath>
#include <fstream>
#include <map>

#include "checkpoint/checkpoint.h"
#include "checkpoint/family.h"
#include "input/tensor/safetensors.h"
#include "input/text/parse_json.h"

namespace pastonly::fuzz {
namespace {

using input::Json;

/// What every family reads; each leaves the others' keys alone.
Json base_config(std::string_view model_type) {
  Json config{{"model_type", model_type},
              {"vocab_size", 11},
              {"hidden_size", 8},
              {"num_hidden_layers", 2},
              {"num_attention_heads", 2},
              {"num_key_value_heads", 1},
              {"head_dim", 4},
              {"rms_norm_eps", 1e-5},
              {"max_position_embeddings", 16},
              {"num_experts", 4},
              {"num_local_experts", 4},
              {"n_routed_experts", 4},
              {"moe_num_experts", 4},
              {"moe_k", 2},
              {"moe_num_shared_experts", 1},
              {"num_experts_per_tok", 2},
              {"intermediate_size", 6},
              {"intermediate_size_mlp", 6},
              {"moe_intermediate_size", 4},
              {"shared_expert_intermediate_size", 4},
              {"n_shared_experts", 1},
              {"first_k_dense_replace", 1},
              {"n_group", 1},
              {"topk_group", 1},
              {"kv_lora_rank", 4},
              {"q_lora_rank", 4},
              {"qk_nope_head_dim", 2},
              {"qk_rope_head_dim", 2},
              {"v_head_dim", 2},
              {"rotary_dim", 2},
              {"num_shared_experts", 1},
              {"num_dense_layers", 1},
              {"shared_intermediate_size", 4},
              {"moe_topk", 2},
              {"mlp_layer_types", {"dense", "sparse"}}};
  if (model_type == "ernie4_5_vl_moe_text") config["moe_intermediate_size"] = {4, 2};
  if (model_type == "lfm2_moe")
    config.update({{"norm_eps", 1e-5}, {"layer_types", {"full_attention", "conv"}}});
  if (model_type == "gemma4_text")
    config.update({{"top_k_experts", 2},
                   {"enable_moe_block", true},
                   {"hidden_size_per_layer_input", 0},
                   {"global_head_dim", 6},
                   {"attention_k_eq_v", true},
                   {"layer_types", {"sliding_attention", "full_attention"}}});
  if (model_type == "granitemoehybrid")
    config.update({{"mamba_n_heads", 4},
                   {"mamba_n_groups", 2},
                   {"mamba_d_state", 2},
                   {"layer_types", {"full_attention", "linear_attention"}}});
  if (model_type == "qwen3_next" || model_type == "qwen3_5_moe_text")
    config.update({{"linear_num_key_heads", 1},
                   {"linear_num_value_heads", 2},
                   {"linear_key_head_dim", 3},
                   {"linear_value_head_dim", 2},
                   {"head_dim", 8},
                   {"layer_types", {"full_attention", "linear_attention"}}});
  return config;
}

Json rope(std::string_view kind) {
  return {{"rope_parameters",
           {{"rope_type", kind},
            {"factor", 2.0},
            {"original_max_position_embeddings", 4},
            {"short_factor", {1.0, 1.5}},
            {"long_factor", {2.0, 3.0}},
            {"low_freq_factor", 1.0},
            {"high_freq_factor", 4.0},
            {"mscale", 0.7},
            {"mscale_all_dim", 0.7}}}};
}

/// The name and the shape in "tensor 'NAME' is missing; expected shape [2, 3]".
bool missing_tensor(const std::string& message, std::string& name, std::vector<std::size_t>& shape) {
  const auto after = [&](std::string_view mark) { return message.find(mark) + mark.size(); };
  if (message.find(" is missing; expected shape [") == std::string::npos) return false;
  const std::size_t first = after("tensor '");
  name = message.substr(first, message.find('\'', first) - first);
  shape.clear();
  for (const auto& size : Json::parse(message.substr(after("expected shape "))))
    shape.push_back(size.get<std::size_t>());
  return true;
}

void write_weights(const std::filesystem::path& directory,
                   const std::map<std::string, std::vector<std::size_t>>& shapes) {
  std::vector<float> weights(1024);
  for (std::size_t i = 0; i < weights.size(); ++i)
    weights[i] = static_cast<float>(i * 2654435761U % 1000) / 1000.0F - 0.4F;
  std::vector<input::Tensor> tensors;
  for (const auto& [name, shape] : shapes) {
    std::size_t size = 1;
    for (const std::size_t n : shape) size *= n;
    tensors.push_back(
        {name, DType::f32, shape, std::as_bytes(std::span(weights).subspan(name.size(), size))});
  }
  if (!input::write_safetensors(directory / "model.safetensors", {}, tensors)) std::abort();
}

std::string wrong_trace(const TraceData& data, std::size_t tokens) {
  for (std::size_t t = 0; t < tokens; ++t) {
    const double log_prob = data.log_probs.at(t);
    if (t % data.layout.positions != 0 && !(log_prob <= 0.0)) return fmt::format("ln p {}", log_prob);
  }
  for (const auto& layer : data.layers) {
    for (const float gate : layer.gates) {
      if (!std::isfinite(gate)) return fmt::format("a gate of {}", gate);
    }
    if (layer.mask.tokens() != tokens || layer.gates.size() != layer.mask.view().size())
      return "a layer of another size";
  }
  return data.layers.empty() ? "no layers" : "";
}

}  // namespace

std::string tiny_config(std::string_view model_type) { return base_config(model_type).dump(); }

std::vector<std::string> tiny_configs() {
  const std::vector<Json> changes{
      Json::object(),
      rope("default"),
      rope("linear"),
      rope("dynamic"),
      rope("yarn"),
      rope("longrope"),
      rope("llama3"),
      {{"tie_word_embeddings", true}, {"norm_topk_prob", true}},
      {{"sliding_window", 3}, {"use_sliding_window", true}},
      {{"layer_types", {"full_attention", "chunked_attention"}}},
      {{"n_group", 2}, {"topk_group", 1}, {"topk_method", "group_limited_greedy"}},
      {{"moe_layers", {1}}, {"no_rope_layers", {0, 1}}, {"floor_scale", 2}},
      {{"mlp_only_layers", {0}}, {"decoder_sparse_step", 2}},
      {{"clip_qkv", 0.5}, {"attention_multiplier", 0.2}, {"residual_multiplier", 0.5}},
      {{"quantization_config", {{"quant_method", "fp8"}}}}};
  std::vector<std::string> out;
  for (const auto& family : checkpoint::families()) {
    for (const Json& change : changes) {
      Json config = base_config(family.model_type);
      config.update(change);
      out.push_back(config.dump());
    }
  }
  return out;
}

std::string write_tiny_checkpoint(const std::filesystem::path& directory, std::string_view config) {
  std::filesystem::create_directories(directory);
  std::ofstream(directory / "config.json") << config;
  // A file holds something from the start: a buffer that every family passes over.
  std::map<std::string, std::vector<std::size_t>> shapes{
      {"model.layers.0.self_attn.rotary_emb.inv_freq", {1}}};
  for (;;) {
    write_weights(directory, shapes);
    const auto opened = checkpoint::Checkpoint::open(directory);
    if (opened) break;
    std::string name;
    std::vector<std::size_t> shape;
    if (!missing_tensor(opened.error().message, name, shape) || !shapes.emplace(name, shape).second) {
      fmt::print(stderr, "{}\n", opened.error().message);
      std::abort();
    }
  }
  Json index{{"weight_map", Json::object()}};
  for (const auto& [name, shape] : shapes) index["weight_map"][name] = "model.safetensors";
  return index.dump();
}

std::string run_checkpoint(const std::filesystem::path& directory) {
  const auto opened = checkpoint::Checkpoint::open(directory);
  if (!opened)
    return opened.error().kind == Error::Kind::input ? "" : "not an input error: " + opened.error().message;
  const Layout layout{2, 6};
  std::vector<std::int64_t> tokens(layout.tokens());
  for (std::size_t t = 0; t < tokens.size(); ++t)
    tokens[t] = static_cast<std::int64_t>(t * t % opened->description().vocab);
  checkpoint::InferenceWorkspace workspace;
  const auto data = opened->observe({layout, tokens, {}}, {.mode = Mode::eval}, workspace);
  if (!data)
    return data.error().kind == Error::Kind::input ? "" : "not an input error: " + data.error().message;
  return wrong_trace(*data, tokens.size());
}

}  // namespace pastonly::fuzz

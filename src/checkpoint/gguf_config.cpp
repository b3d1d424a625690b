#include <fmt/format.h>

#include "checkpoint/gguf_architectures.h"

namespace pastonly::checkpoint {
namespace {

using input::Json;

/// The vocabulary, by the embedding: files of old do not say it.
std::size_t vocabulary(GgufKeys& keys) {
  const GgufTensor* embedding = keys.tensor("token_embd.weight");
  const std::size_t rows = embedding != nullptr ? embedding->shape.front() : 2;
  return keys.count("vocab_size", rows);
}

void add_special_tokens(GgufKeys& keys, Json& config) {
  for (const char* which : {"bos", "eos"}) {
    const auto* id = keys.all().find(fmt::format("tokenizer.ggml.{}_token_id", which));
    if (id != nullptr && id->is_number_unsigned()) config[fmt::format("{}_token_id", which)] = *id;
  }
  if (const auto* id = keys.all().find("tokenizer.ggml.padding_token_id");
      id != nullptr && id->is_number_unsigned())
    config["pad_token_id"] = *id;
}

/// What changes a model's outputs and no family here has.
void refuse_others(GgufKeys& keys) {
  for (const char* cap : {"final_logit_softcapping", "attn_logit_softcapping", "router_logit_softcapping"})
    keys.refuse(cap, "capped logits are not supported");
  if (!keys.flag("attention.causal", true))
    keys.reject("attention.causal",
                "is false: attention then sees later tokens, so that every score reads the future");
  keys.refuse("attention.max_alibi_bias", "ALiBi is not supported");
}

}  // namespace

Json config_of(const GgufArchitecture& architecture, GgufKeys& keys) {
  const std::size_t further = keys.count("nextn_predict_layers", 0, 0, 4096);
  const std::size_t blocks = keys.count("block_count", std::nullopt, 1, 4096);
  if (!keys.has("expert_count") || keys.count("expert_count", 0, 0) == 0)
    keys.reject("expert_count", "no layer has experts, so there is no routing to audit");
  if (further >= blocks) keys.reject("nextn_predict_layers", "as many as there are layers");
  Json config{
      {"model_type", architecture.model_type},
      {"vocab_size", vocabulary(keys)},
      {"hidden_size", keys.count("embedding_length")},
      {"num_hidden_layers", further < blocks ? blocks - further : blocks},
      {"num_nextn_predict_layers", further},
      {"num_attention_heads", keys.count("attention.head_count", std::nullopt, 1, 65535)},
      {"rms_norm_eps", keys.number("attention.layer_norm_rms_epsilon", std::nullopt, 0.0, 1.0)},
      {"max_position_embeddings", keys.count("context_length", std::nullopt, 1, std::size_t{1} << 32)},
      {"tie_word_embeddings", keys.tensor("output.weight") == nullptr},
      {"num_experts", keys.count("expert_count", std::nullopt, 1, 65535)},
      {"num_experts_per_tok", keys.count("expert_used_count", std::nullopt, 1, 65535)}};
  // Null where there is none: no value of the family's own takes its place (fill_defaults).
  const std::size_t heads = keys.count("attention.head_count", std::nullopt, 1, 65535);
  config["num_key_value_heads"] = keys.count("attention.head_count_kv", heads, 1, 65535);
  config["intermediate_size"] = nullptr;
  if (keys.has("feed_forward_length")) config["intermediate_size"] = keys.count("feed_forward_length");
  add_special_tokens(keys, config);
  refuse_others(keys);
  architecture.configure(keys, config);
  // llama.cpp chooses among groups in every architecture.
  if (!config.contains("n_group") && keys.count("expert_group_count", 1, 0) > 1)
    keys.reject("expert_group_count", "groups of experts are not supported in this architecture");
  keys.pass_over("expert_group_used_count");
  return config;
}

}  // namespace pastonly::checkpoint

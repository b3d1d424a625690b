#include "checkpoint/gguf_architectures.h"

#include <fmt/format.h>

#include <algorithm>

#include "checkpoint/family.h"
#include "unit/checkpoint/broken.h"

namespace pastonly::checkpoint {
namespace {

struct Case {
  std::string_view architecture, more;  ///< keys without the architecture's name, beside the common ones
  std::string_view says;
};

/// What the converter of llama.cpp writes for small models, and what it stands for.
constexpr Case cases[] = {
    {"llama", R"({"attention.head_count_kv": 2})",
     "mixtral top-k 2 softmax renormalised x1 neighbours width 40"},
    {"olmoe", "{}", "olmoe top-k 2 softmax raw x1 halves width 40"},
    {"qwen2moe", R"({"expert_feed_forward_length": 24, "expert_shared_feed_forward_length": 36})",
     "qwen2_moe top-k 2 softmax raw x1 halves width 24 shared 36"},
    {"qwen2moe", "{}", "qwen2_moe top-k 2 softmax raw x1 halves width 20 shared 40"},
    {"qwen3moe", R"({"expert_feed_forward_length": [24, 24, 24]})",
     "qwen3_moe top-k 2 softmax renormalised x1 halves width 24"},
    {"granitemoe", R"({"logit_scale": 3.0, "residual_scale": 0.5})",
     "granitemoe top-k 2 softmax renormalised x1 neighbours width 40"},
    {"gpt-oss",
     R"({"expert_feed_forward_length": 40, "attention.sliding_window": 8, "attention.key_length": 16,
                   "attention.value_length": 16})",
     "gpt_oss top-k 2 softmax renormalised x1 halves width 40 windows 8 0 8"},
    {"deepseek2",
     R"({"leading_dense_block_count": 1, "expert_feed_forward_length": 24, "expert_shared_count": 2,
                     "attention.kv_lora_rank": 16, "attention.key_length": 20, "attention.value_length": 16,
                     "attention.key_length_mla": 12, "attention.value_length_mla": 12, "rope.dimension_count": 4,
                     "attention.head_count_kv": 1, "expert_weights_scale": 2.5})",
     "deepseek_v2 top-k 2 softmax raw x2.5 neighbours width 24 shared 48 dense 0"},
    {"deepseek2",
     R"({"leading_dense_block_count": 1, "expert_feed_forward_length": 24, "expert_shared_count": 1,
                     "attention.kv_lora_rank": 16, "attention.key_length": 12, "attention.value_length": 12,
                     "rope.dimension_count": 4, "expert_gating_func": 2, "expert_weights_norm": true,
                     "expert_group_count": 4, "expert_group_used_count": 2})",
     "deepseek_v3 group-limited-top-k 2 4 2 sigmoid renormalised x1 "
     "neighbours width 24 shared 24 dense 0"},
    {"glm4moe",
     R"({"leading_dense_block_count": 1, "expert_feed_forward_length": 24, "expert_shared_count": 1,
                   "expert_gating_func": 2, "rope.dimension_count": 6, "nextn_predict_layers": 1})",
     "glm4_moe biased-top-k 2 sigmoid raw x1 halves width 24 shared 24 dense 0 turns 6 further 1"},
    {"dots1", R"({"leading_dense_block_count": 2, "expert_feed_forward_length": 24, "expert_shared_count": 1,
                 "expert_gating_func": 2, "expert_weights_norm": true})",
     "dots1 biased-top-k 2 sigmoid renormalised x1 halves width 24 shared 24 dense 0 1"},
    {"ernie4_5-moe", R"({"leading_dense_block_count": 1, "interleave_moe_layer_step": 1,
                        "expert_feed_forward_length": 24, "expert_shared_feed_forward_length": 48,
                        "expert_shared_count": 2})",
     "ernie4_5_moe biased-top-k 2 softmax renormalised x1 neighbours width 24 shared 48 dense 0"},
    {"minimax-m2",
     R"({"expert_feed_forward_length": 24, "expert_gating_func": 2, "rope.dimension_count": 6})",
     "minimax_m2 biased-top-k 2 sigmoid renormalised x1 halves width 24 turns 6"},
    {"llama4", R"({"expert_feed_forward_length": 24, "interleave_moe_layer_step": 2})",
     "llama4_text top-k 2 sigmoid raw x1 neighbours width 24 shared 24 dense 0 2"},
};

Json metadata(const Case& given) {
  const Json common{{"block_count", 3u},          {"context_length", 64u},
                    {"embedding_length", 48u},    {"feed_forward_length", 40u},
                    {"attention.head_count", 4u}, {"attention.layer_norm_rms_epsilon", 1e-5},
                    {"expert_count", 8u},         {"expert_used_count", 2u}};
  Json out = Json::object();
  for (const Json& part : {common, Json::parse(given.more)}) {
    for (const auto& [key, value] : part.items()) out[fmt::format("{}.{}", given.architecture, key)] = value;
  }
  return out;
}

std::string summary(const Description& d) {
  const auto& router = d.router;
  std::string rule = router.rule.id;  // and its numbers: k, groups, groups that are kept
  for (const auto& [key, value] : router.rule.parameters) {
    if (const auto number = value.integer()) rule += fmt::format(" {}", *number);
  }
  std::string out =
      fmt::format("{} {} {} {} x{} {} width {}", d.model_type, rule,
                  router.score == Score::softmax ? "softmax" : "sigmoid",
                  router.gate == GateNormalisation::raw ? "raw" : "renormalised", router.gate_scale,
                  d.attention.pairing == Pairing::halves ? "halves" : "neighbours", d.expert.width);
  if (d.expert.shared_width > 0) out += fmt::format(" shared {}", d.expert.shared_width);
  std::string dense, windows;
  for (std::size_t l = 0; l < d.layers.size(); ++l) {
    if (!d.layers[l].sparse) dense += fmt::format(" {}", l);
    windows += fmt::format(" {}", d.layers[l].window);
  }
  if (!dense.empty()) out += " dense" + dense;
  if (std::ranges::any_of(d.layers, [](const auto& layer) { return layer.window > 0; }))
    out += " windows" + windows;
  if (!d.attention.latent() && d.attention.rotary.width != d.attention.key_width)
    out += fmt::format(" turns {}", d.attention.rotary.width);
  if (d.training_layers > 0) out += fmt::format(" further {}", d.training_layers);
  return out;
}

}  // namespace

TEST_CASE("the keys of every GGUF architecture stand for its family's configuration", "[checkpoint][gguf]") {
  for (const auto& architecture : gguf_architectures()) {
    CAPTURE(architecture.name);
    CHECK(std::ranges::any_of(cases, [&](const Case& one) { return one.architecture == architecture.name; }));
    for (const Case& given : cases) {
      if (given.architecture != architecture.name) continue;
      const Json keys = metadata(given);
      const GgufTensors none;
      GgufKeys reader(keys, "model.gguf", std::string(given.architecture), none);
      const Json config = config_of(architecture, reader);
      const auto read = reader.finish();
      INFO((read ? "" : read.error().message));
      REQUIRE(read);
      CHECK(reader.unread().empty());
      auto description = describe(config, "model.gguf");
      INFO((description ? "" : description.error().message));
      REQUIRE(description);
      CHECK(description->unread.empty());
      CHECK(description->tied_embeddings);
      architecture.adjust(*description);
      CHECK(summary(*description) == given.says);
    }
  }
}

TEST_CASE("a key of any GGUF architecture that is missing, negative, huge or of another type is refused",
          "[checkpoint][gguf]") {
  std::size_t refused = 0;
  for (const auto& architecture : gguf_architectures()) {
    for (const Case& given : cases) {
      if (given.architecture != architecture.name) continue;
      const Json whole = metadata(given);
      for (const auto& [key, value] : whole.items()) {
        for (const Json& other :
             {Json(), Json(0u), Json(-1), Json(~std::uint64_t{0}), Json("x"), Json(Json::array()), Json(0.5),
              Json(true), Json({1u, 2u, 3u}), Json(1000003u)}) {
          CAPTURE(key, other);
          Json keys = whole;
          other.is_null() ? void(keys.erase(key)) : void(keys[key] = other);
          const GgufTensors none;
          GgufKeys reader(keys, "model.gguf", std::string(given.architecture), none);
          const Json config = config_of(architecture, reader);
          const auto read = reader.finish();
          if (read && describe(config, "model.gguf")) continue;  // what it says is another model, no nonsense
          ++refused;
          if (!read) check_says(read.error().message, {"model.gguf: ", given.architecture});
        }
      }
    }
  }
  CHECK(refused > 500);
}

}  // namespace pastonly::checkpoint

#include <fmt/format.h>

#include "checkpoint/family.h"
#include "unit/checkpoint/broken.h"

namespace pastonly::checkpoint {
namespace {

constexpr std::string_view q_proj = "model.layers.1.self_attn.q_proj.weight";

}  // namespace

TEST_CASE("shards give what one file gives", "[checkpoint]") {
  Broken whole, sharded;
  whole.write();
  sharded.write_shards();
  const model::Sample sample({2, 12, TokenOrder::batch_major}, 11);
  const auto a = observed(opened(whole.directory().path()), sample.batch());
  const auto b = observed(opened(sharded.directory().path()), sample.batch());
  for (std::size_t t = 0; t < 12; ++t) CHECK((t == 0 || a.log_probs[t] == b.log_probs[t]));
}

TEST_CASE("checkpoints with broken shards are refused", "[checkpoint]") {
  Broken broken;
  Json index = broken.write_shards();
  CHECK(broken.error().empty());
  const std::string first = index["weight_map"].begin().key();
  SECTION("a shard is missing") {
    fs::remove(broken.path("b.safetensors"));
    check_says(broken.error(), {"b.safetensors", "missing"});
  }
  SECTION("a tensor is in the other shard") {
    index["weight_map"][first] =
        index["weight_map"][first] == "a.safetensors" ? "b.safetensors" : "a.safetensors";
    broken.write_index(index);
    check_says(broken.error(), {first, "index.json", "it is in"});
  }
  SECTION("the index names a tensor that nobody has") {
    index["weight_map"]["model.extra.weight"] = "a.safetensors";
    broken.write_index(index);
    check_says(broken.error(), {"model.extra.weight", "a.safetensors", "no such tensor"});
  }
  SECTION("a shard holds a tensor that the index lacks") {
    index["weight_map"].erase(first);
    broken.write_index(index);
    check_says(broken.error(), {first, "not in model.safetensors.index.json"});
  }
  SECTION("a shard's name leads out of the directory") {
    for (const char* name : {"../a.safetensors", "/etc/passwd", "x/../a.safetensors", "..safetensors",
                             "a.bin", "a\n.safetensors", "..\\a.safetensors"}) {
      index["weight_map"][first] = name;
      broken.write_index(index);
      check_says(broken.error(), {first, "plain name"});
      CHECK(broken.error().find('\n') == std::string::npos);
    }
  }
  SECTION("a tensor stands in two shards") {
    broken.put("a.safetensors", broken.tensors());
    check_says(broken.error(), {"b.safetensors", "is also in"});
  }
  SECTION("the index is no index") {
    broken.write_index(Json::array({1}));
    check_says(broken.error(), {"index.json", "weight_map"});
    broken.write_index(Json{{"weight_map", {{"a", 3}}}});
    check_says(broken.error(), {"'a'", "no file name"});
    broken.write_index(Json{{"weight_map", Json::object()}});
    check_says(broken.error(), {"names no tensor"});
  }
  SECTION("a shard is cut short") {
    fs::resize_file(broken.path("a.safetensors"), fs::file_size(broken.path("a.safetensors")) - 4);
    check_says(broken.error(), {"a.safetensors"});
  }
  SECTION("no weights at all") {
    fs::remove(broken.path("model.safetensors.index.json"));
    check_says(broken.error(), {"neither model.safetensors nor"});
  }
}

TEST_CASE("tensors that are not what the configuration says are refused", "[checkpoint]") {
  Broken broken;
  SECTION("another shape") {
    broken.config()["hidden_size"] = 24;
    broken.config()["num_attention_heads"] = 4;
    broken.config()["num_key_value_heads"] = 4;
    broken.write();
    check_says(broken.error(), {"model.embed_tokens.weight", "[11, 24]", "[11, 12]", "config.json"});
  }
  SECTION("a missing tensor") {
    std::erase_if(broken.tensors(), [](const Tensor& tensor) { return tensor.name == q_proj; });
    broken.write();
    check_says(broken.error(), {q_proj, "missing", "[12, 12]"});
  }
  SECTION("a missing expert") {
    std::erase_if(broken.tensors(),
                  [](const Tensor& t) { return t.name == "model.layers.0.mlp.experts.3.up_proj.weight"; });
    broken.write();
    check_says(broken.error(), {"model.layers.0.mlp.experts.3.up_proj.weight", "missing"});
  }
  SECTION("integers for weights") {
    broken.tensor(q_proj).type = DType::i32;
    broken.write();
    check_says(broken.error(), {q_proj, "I32", "not supported"});
  }
  SECTION("tensors of another architecture beside them") {
    Tensor extra = broken.tensor("model.layers.0.self_attn.q_norm.weight");
    extra.name = "model.layers.0.self_attn.sinks";
    broken.tensors().push_back(extra);
    broken.write();
    check_says(broken.error(), {"model.layers.0.self_attn.sinks", "no place", "olmoe"});
  }
  SECTION("layers beyond those that the configuration counts") {
    const std::size_t layers = broken.config()["num_hidden_layers"];
    broken.config()["num_hidden_layers"] = layers - 1;
    broken.write();
    check_says(broken.error(), {fmt::format("model.layers.{}.", layers - 1),
                                fmt::format("num_hidden_layers = {}", layers - 1), "model.safetensors"});
    broken.config()["num_nextn_predict_layers"] = 1;
    broken.write();
    CHECK(broken.error().empty());
  }
  SECTION("another architecture's tensors altogether") {
    broken.config()["model_type"] = "mixtral";
    broken.config()["num_local_experts"] = broken.config()["num_experts"];
    broken.write();
    check_says(broken.error(), {"mlp.experts.0.w1.weight", "missing"});
  }
}

TEST_CASE("configurations that contradict themselves are refused by key", "[checkpoint]") {
  const auto refused = [](std::string_view key, const Json& value,
                          std::initializer_list<std::string_view> parts) {
    Broken broken;
    broken.config()[std::string(key)] = value;
    broken.write();
    INFO(key << " = " << value.dump());
    check_says(broken.error(), {"config.json", key});
    check_says(broken.error(), parts);
  };
  refused("num_key_value_heads", 3, {"does not divide"});
  refused("num_experts_per_tok", 6, {"more than there are experts"});
  refused("num_local_experts", 7, {"another number"});
  refused("hidden_size", "twelve", {"expected a whole number", "twelve"});
  refused("hidden_size", -12, {"-12"});
  refused("vocab_size", std::uint64_t{1} << 40, {"expected a whole number from 2"});
  refused("num_hidden_layers", 100000, {"4096"});
  refused("num_hidden_layers", 0, {"from 1"});
  refused("rms_norm_eps", nullptr, {"missing"});
  refused("rms_norm_eps", 2.0, {"0 to 1"});
  refused("hidden_act", "gelu", {"expected silu"});
  refused("head_dim", 5, {"even"});
  refused("quantization_config", Json{{"quant_method", "aqlm"}}, {"aqlm", "compressed-tensors"});
  refused("quantization_config", Json{{"quant_method", "gptq"}}, {"bits", "missing"});
  refused("quantization_config", 3, {"an object"});
  refused("rope_parameters", Json{{"rope_type", "spiral"}}, {"spiral"});
  refused("rope_parameters", Json{{"rope_type", "yarn"}, {"factor", 0}}, {"factor"});
  refused("rope_parameters", Json{{"rope_type", "longrope"}, {"short_factor", {1.0}}}, {"short_factor"});
  refused("model_type", "resnet", {"resnet", "olmoe, mixtral", "--serve --model hf:"});
  refused("model_type", 3, {"expected a string"});
}

TEST_CASE("sizes that only the configuration claims take no memory", "[checkpoint]") {
  Broken broken;
  broken.config()["num_attention_heads"] = broken.config()["num_key_value_heads"] = 65535;
  broken.config()["head_dim"] = std::size_t{1} << 24;
  broken.write();
  check_says(broken.error(), {"self_attn.q_proj.weight", "[1099494850560, 12]", "[12, 12]"});
  broken.config()["num_attention_heads"] = broken.config()["num_key_value_heads"] = 2;
  broken.config()["head_dim"] = 6;
  broken.config()["num_experts"] = 65535;
  broken.write();
  check_says(broken.error(), {"mlp.gate.weight", "[65535, 12]", "[5, 12]"});
}

TEST_CASE("a configuration that is no JSON object is refused", "[checkpoint]") {
  Broken broken;
  for (const char* text : {"", "[1]", "{\"model_type\": \"olmoe\"", "{\"a\": 1, \"a\": 2}", "null"}) {
    broken.directory().write("config.json", text);
    check_says(broken.error(), {"config.json"});
  }
}

TEST_CASE("attention that sees later tokens is refused by the key that asks for it", "[checkpoint]") {
  Broken broken;
  broken.config()["is_causal"] = true;
  broken.write();
  CHECK(broken.error().empty());
  broken.config()["is_causal"] = false;
  broken.write();
  check_says(broken.error(), {"config.json", "is_causal", "later tokens"});
  broken.config().erase("is_causal");
  broken.config()["use_bidirectional_attention"] = true;
  broken.write();
  check_says(broken.error(), {"config.json", "use_bidirectional_attention", "later tokens"});
}

TEST_CASE("keys of a configuration that nobody reads are listed, those without effect are not",
          "[checkpoint]") {
  Broken broken;
  broken.write();
  CHECK(opened(broken.directory().path()).description().unread.empty());
  CHECK(opened(broken.directory().path()).description().own_code.empty());
  Json& config = broken.config();
  config.update({{"router_type", "expert_choice"},
                 {"expert_capacity", 64},
                 {"auto_map", {{"AutoModelForCausalLM", "modeling_own.Own"}}},
                 {"use_cache", true},
                 {"bos_token_id", 1},
                 {"attention_dropout", 0.5},
                 {"is_decoder", false},
                 {"router_scale", nullptr}});
  config["rope_parameters"]["own_scale"] = 2;
  broken.write();
  const Description description = opened(broken.directory().path()).description();
  CHECK(description.unread == std::vector<std::string>{"rope_parameters.own_scale = 2",
                                                       "expert_capacity = 64",
                                                       "router_type = \"expert_choice\""});
  CHECK(description.own_code == "AutoModelForCausalLM = modeling_own.Own");
  config["is_decoder"] = true;
  config["router_type"] = std::string(1000, 'x');
  broken.write();
  const auto unread = opened(broken.directory().path()).description().unread;
  REQUIRE(unread.size() == 4);
  CHECK(unread[2] == "is_decoder = true");
  CHECK(unread[3].size() < 80);
}

TEST_CASE("tensors that have no place are refused wherever they stand", "[checkpoint]") {
  for (const std::string name : {"lm_head2.weight", "router.bias", "score.weight", "mtp.layers.0.weight",
                                 "vision_model.x.weight", "model2.layers.0.mlp.gate.weight"}) {
    Broken broken;
    broken.put<float>(name, {2}, {1.0F, 2.0F});
    broken.write();
    check_says(broken.error(), {name, "has no place"});
  }
}

}  // namespace pastonly::checkpoint

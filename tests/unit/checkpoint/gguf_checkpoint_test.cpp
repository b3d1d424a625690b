#include "checkpoint/gguf_checkpoint.h"

#include <fmt/format.h>

#include "unit/checkpoint/broken.h"
#include "unit/checkpoint/gguf_bytes.h"

namespace pastonly::checkpoint {
namespace {

/// The tensors of an exported OLMoE as the converter of llama.cpp writes them: experts of a kind in one.
class GgufOfOlmoe {
 public:
  /// `layers`: the number of them that the file says, if not those that it has.
  explicit GgufOfOlmoe(std::uint32_t layers = 0) {
    Json& config = source_.config();
    config["norm_topk_prob"] = false;  // as llama.cpp computes it, which no key tells otherwise
    const auto whole = [&](const char* key) { return config.at(key).get<std::uint32_t>(); };
    experts_ = whole("num_experts");
    out.said("general.architecture", "olmoe");
    out.count("olmoe.block_count", layers > 0 ? layers : whole("num_hidden_layers"));
    out.count("olmoe.context_length", 2048);
    out.count("olmoe.embedding_length", whole("hidden_size"));
    out.count("olmoe.feed_forward_length", whole("intermediate_size"));
    out.count("olmoe.attention.head_count", whole("num_attention_heads"));
    out.count("olmoe.attention.head_count_kv", whole("num_key_value_heads"));
    out.number("olmoe.attention.layer_norm_rms_epsilon", config.at("rms_norm_eps").get<float>());
    out.number("olmoe.rope.freq_base", config.value("rope_theta", 10000.0F));
    out.count("olmoe.expert_count", experts_);
    out.count("olmoe.expert_used_count", whole("num_experts_per_tok"));
    add(out, "token_embd.weight", "model.embed_tokens.weight");
    add(out, "output_norm.weight", "model.norm.weight");
    add(out, "output.weight", "lm_head.weight");
    for (std::uint32_t l = 0; l < whole("num_hidden_layers"); ++l) layer(l);
  }

  /// Without the tensor of this name.
  void remove(std::string_view name) {
    std::erase_if(out.tensors(), [&](const auto& tensor) { return tensor.name == name; });
  }
  GgufBytes::Tensor& tensor(std::string_view name) {
    for (auto& tensor : out.tensors()) {
      if (tensor.name == name) return tensor;
    }
    FAIL("no tensor " << name);
    return out.tensors().front();
  }
  fs::path write(std::string_view name = "model.gguf") const {
    return source_.directory().write(name, out.bytes());
  }
  std::string error(std::string_view as = "") const {
    const auto opened = Checkpoint::open(write(), std::nullopt, Precision::float32, as);
    if (opened) return "";
    CHECK(opened.error().kind == Error::Kind::input);
    return opened.error().message;
  }
  /// As a Hugging Face checkpoint.
  fs::path directory() {
    source_.write();
    return source_.directory().path();
  }

  GgufBytes out;

 private:
  void add(GgufBytes& to, std::string name, std::string_view from) {
    const Tensor& tensor = source_.tensor(from);
    to.floats(std::move(name), tensor.shape, tensor.bytes);
  }

  void layer(std::uint32_t l) {
    const std::string to = fmt::format("blk.{}.", l), from = fmt::format("model.layers.{}.", l);
    add(out, to + "attn_norm.weight", from + "input_layernorm.weight");
    add(out, to + "ffn_norm.weight", from + "post_attention_layernorm.weight");
    add(out, to + "ffn_gate_inp.weight", from + "mlp.gate.weight");
    for (const char* name : {"q", "k", "v"})
      add(out, fmt::format("{}attn_{}.weight", to, name),
          fmt::format("{}self_attn.{}_proj.weight", from, name));
    for (const char* name : {"q", "k"})
      add(out, fmt::format("{}attn_{}_norm.weight", to, name),
          fmt::format("{}self_attn.{}_norm.weight", from, name));
    add(out, to + "attn_output.weight", from + "self_attn.o_proj.weight");
    for (const char* name : {"gate", "up", "down"}) {
      std::string all;
      std::vector<std::size_t> shape{experts_};
      for (std::size_t e = 0; e < experts_; ++e) {
        const Tensor& one = source_.tensor(fmt::format("{}mlp.experts.{}.{}_proj.weight", from, e, name));
        all.append(reinterpret_cast<const char*>(one.bytes.data()), one.bytes.size());
        if (e == 0) shape.insert(shape.end(), one.shape.begin(), one.shape.end());
      }
      out.floats(fmt::format("{}ffn_{}_exps.weight", to, name), shape, std::as_bytes(std::span(all)));
    }
  }

  Broken source_;
  std::uint32_t experts_ = 0;
};

}  // namespace

TEST_CASE("a GGUF file gives what its checkpoint gives, to the last bit", "[checkpoint][gguf]") {
  GgufOfOlmoe both;
  const model::Sample sample({2, 12, TokenOrder::batch_major}, 11);
  const Checkpoint gguf = opened(both.write());
  const auto a = observed(gguf, sample.batch()), b = observed(opened(both.directory()), sample.batch());
  for (std::size_t t = 0; t < 24; ++t) CHECK((t % 12 == 0 || a.log_probs[t] == b.log_probs[t]));
  REQUIRE(a.layers.size() == b.layers.size());
  for (std::size_t l = 0; l < a.layers.size(); ++l) CHECK(a.layers[l].logits == b.layers[l].logits);
  CHECK(gguf.files().size() == 1);
  CHECK(gguf.description().unread.empty());
}

TEST_CASE("keys of a GGUF file that nobody reads are listed, and those of its tokenizer are not",
          "[checkpoint][gguf]") {
  GgufOfOlmoe model;
  model.out.count("olmoe.odd_length", 7).number("olmoe.expert_weights_scale", 2.0F);
  model.out.said("tokenizer.ggml.model", "gpt2")
      .count("general.file_type", 0)
      .count("tokenizer.ggml.eos_token_id", 3);
  const Checkpoint checkpoint = opened(model.write());
  CHECK(checkpoint.description().unread ==
        std::vector<std::string>{"olmoe.expert_weights_scale = 2.0", "olmoe.odd_length = 7"});
  CHECK(checkpoint.description().special_tokens == std::vector<std::int64_t>{3});
}

TEST_CASE("GGUF files in parts", "[checkpoint][gguf]") {
  GgufOfOlmoe whole;
  const auto part = [&](std::uint16_t number, std::uint16_t count) {
    GgufOfOlmoe made;
    const std::size_t half = made.out.tensors().size() / 2;
    auto& tensors = made.out.tensors();
    if (number == 0) tensors.resize(half);
    if (number == 1) tensors.erase(tensors.begin(), tensors.begin() + static_cast<std::ptrdiff_t>(half));
    made.out.key("split.no", GgufBytes::u16, GgufBytes::raw(number));
    made.out.key("split.count", GgufBytes::u16, GgufBytes::raw(count));
    made.out.key("split.tensors.count", GgufBytes::i32,
                 GgufBytes::raw(static_cast<std::int32_t>(whole.out.tensors().size())));
    return made.out.bytes();
  };
  const TemporaryDirectory directory;
  const auto first = directory.write("m-00001-of-00002.gguf", part(0, 2));
  const auto says = [&](const fs::path& path, std::initializer_list<std::string_view> parts) {
    const auto refused = Checkpoint::open(path);
    REQUIRE(!refused);
    check_says(refused.error().message, parts);
  };
  says(first, {"m-00002-of-00002.gguf", "is missing"});
  const auto second = directory.write("m-00002-of-00002.gguf", part(1, 2));
  for (const auto& path : {first, second}) {
    const Checkpoint checkpoint = opened(path);
    CHECK(checkpoint.files().size() == 2);
  }
  const model::Sample sample({1, 12, TokenOrder::batch_major}, 11);
  CHECK(observed(opened(second), sample.batch()).layers[1].logits ==
        observed(opened(whole.write()), sample.batch()).layers[1].logits);
  directory.write("m-00002-of-00002.gguf", part(0, 2));
  says(first, {"m-00002-of-00002.gguf", "expected part 2 of 2"});
  directory.write("m-00002-of-00002.gguf", part(1, 3));
  says(first, {"m-00002-of-00002.gguf", "split.count"});
  directory.write("m-00002-of-00002.gguf", part(2, 2));  // all tensors once more
  says(second, {"is part 2 of 2"});
  says(directory.write("renamed.gguf", part(0, 2)), {"renamed.gguf", "-00001-of-00002.gguf"});
  says(directory.write("m-00001-of-65535.gguf", part(0, 65535)), {"m-00002-of-65535.gguf", "is missing"});
}

TEST_CASE("GGUF files that contradict themselves or are no such model are refused", "[checkpoint][gguf]") {
  GgufOfOlmoe model;
  REQUIRE(model.error().empty());
  SECTION("the architecture") {
    GgufBytes bare;
    bare.count("olmoe.block_count", 1);
    model.out = bare;
    check_says(model.error(), {"general.architecture", "missing", "qwen3moe"});
    model.out.said("general.architecture", "mamba\n");
    check_says(model.error(), {"'mamba?'", "olmoe", "--as"});
    CHECK(model.error("mixtral").find("mamba?.") != std::string::npos);
  }
  SECTION("architectures that are known and not run") {
    model.out = GgufBytes().said("general.architecture", "phimoe");
    check_says(model.error(), {"'phimoe'", "norms"});
    model.out = GgufBytes().said("general.architecture", "llama").count("llama.block_count", 1);
    check_says(model.error(), {"llama.expert_count", "no routing to audit"});
    model.out.count("llama.expert_count", 0);
    check_says(model.error(), {"llama.expert_count", "no routing to audit"});
  }
  SECTION("keys that are missing or of another type") {
    GgufBytes bare;
    bare.said("general.architecture", "olmoe")
        .count("olmoe.expert_count", 2)
        .said("olmoe.block_count", "two");
    model.out = bare;
    check_says(model.error(), {"model.gguf: olmoe.block_count: expected a whole number"});
  }
  SECTION("no experts, or others than there are") {
    auto& router = model.tensor("blk.0.ffn_up_exps.weight");
    std::swap(router.sizes[2], router.sizes[0]);
    check_says(model.error(), {"blk.0.ffn_up_exps.weight", "matrices"});
  }
  SECTION("a tensor is missing, or one too many") {
    const auto tensor = model.tensor("blk.1.attn_v.weight");
    model.remove("blk.1.attn_v.weight");
    check_says(model.error(), {"model.layers.1.self_attn.v_proj.weight", "missing"});
    model.out.tensor(tensor);
    auto more = tensor;
    more.name = "blk.1.attn_gate.weight";
    model.out.tensor(more);
    check_says(model.error(), {"blk.1.attn_gate.weight", "no place"});
  }
  SECTION("tensors of old files and of other tools") {
    auto old = model.tensor("blk.1.attn_v.weight");
    old.name = "blk.1.ffn_gate.0.weight";
    model.out.tensor(old);
    check_says(model.error(), {"blk.1.ffn_gate.0.weight", "convert the model anew"});
    model.remove(old.name);
    old.name = "blk.1.attn_qkv.weight";
    model.out.tensor(old);
    check_says(model.error(), {"blk.1.attn_qkv.weight", "--fuse-qkv"});
  }
  SECTION("layers that predict further tokens are passed over, where the keys count them") {
    auto more = model.tensor("blk.1.attn_v.weight");
    more.name = "blk.2.nextn.eh_proj.weight";
    model.out.tensor(more);
    check_says(model.error(), {"blk.2.nextn.eh_proj.weight", "beyond num_hidden_layers = 2"});
    GgufOfOlmoe counted(3);
    counted.out.tensor(more).count("olmoe.nextn_predict_layers", 1);
    CHECK(counted.error().empty());
    GgufOfOlmoe all(1);
    all.out.count("olmoe.nextn_predict_layers", 1);
    check_says(all.error(), {"olmoe.nextn_predict_layers"});
  }
  SECTION("a tensor of another shape") {
    model.tensor("blk.1.attn_v.weight").sizes = {model.tensor("blk.1.attn_v.weight").sizes[0] *
                                                 model.tensor("blk.1.attn_v.weight").sizes[1]};
    check_says(model.error(), {"model.gguf (blk.1.attn_v.weight)", "expected shape"});
  }
  SECTION("a name that stands for another's place") {
    auto more = model.tensor("blk.1.ffn_norm.weight");
    more.name = "blk.1.post_attention_norm.weight";
    model.out.tensor(more);
    check_says(model.error(), {"stands for", "post_attention_layernorm"});
  }
  SECTION("a type that nothing reads") {
    auto& tensor = model.tensor("blk.1.attn_v.weight");
    tensor.type = 26;  // I32, as large as F32
    check_says(model.error(), {"blk.1.attn_v.weight", "type I32 is not supported", "quantise"});
  }
  SECTION("keys that would change what it computes") {
    model.out.number("olmoe.final_logit_softcapping", 30.0F);
    check_says(model.error(), {"olmoe.final_logit_softcapping", "not supported"});
  }
  SECTION("groups, gates and positions of others") {
    auto grouped = GgufOfOlmoe();
    grouped.out.count("olmoe.expert_group_count", 2);
    check_says(grouped.error(), {"olmoe.expert_group_count"});
    auto sigmoid = GgufOfOlmoe();
    sigmoid.out.count("olmoe.expert_gating_func", 2);
    check_says(sigmoid.error(), {"olmoe.expert_gating_func", "expected 1 (softmax)"});
    auto stretched = GgufOfOlmoe();
    stretched.out.said("olmoe.rope.scaling.type", "longrope");
    check_says(stretched.error(), {"olmoe.rope.scaling.type", "longrope"});
    auto fast = GgufOfOlmoe();
    fast.out.said("olmoe.rope.scaling.type", "yarn").number("olmoe.rope.scaling.factor", 4.0F);
    fast.out.number("olmoe.rope.scaling.yarn_beta_fast", 16.0F);
    check_says(fast.error(), {"yarn_beta_fast", "llama.cpp computes with 32"});
    model.out.key("olmoe.attention.causal", GgufBytes::boolean, std::string(1, '\0'));
    check_says(model.error(), {"olmoe.attention.causal", "later tokens"});
  }
  SECTION("layers that differ") {
    model.out.key("olmoe.expert_feed_forward_length", GgufBytes::u32, GgufBytes::raw(8u));  // nobody reads it
    CHECK(model.error().empty());
    GgufOfOlmoe other;
    other.out.key("olmoe.nextn_predict_layers", GgufBytes::array,
                  GgufBytes::raw<std::uint32_t>(GgufBytes::u32) + GgufBytes::raw<std::uint64_t>(2) +
                      GgufBytes::raw(0u) + GgufBytes::raw(1u));
    check_says(other.error(), {"nextn_predict_layers", "layer to layer"});
  }
  SECTION("--as another family") {
    CHECK(model.error("olmoe").empty());
    check_says(model.error("granitemoe"), {"granitemoe"});
  }
}

}  // namespace pastonly::checkpoint

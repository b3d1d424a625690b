#include "model/hugging_face.h"

#include <fmt/format.h>

#include <string>
#include <vector>

#include "input/files/atomic_file.h"
#include "input/files/mapped_file.h"
#include "input/tensor/safetensors.h"
#include "input/text/parse_json.h"
#include "routing/parameter_values.h"
#include "routing/rule_ids.h"

namespace pastonly::model {
namespace {

using input::Json;
using input::Tensor;

/// What one architecture of transformers can say. Names are relative to the layer.
struct Architecture {
  std::string_view model_type;
  std::string_view class_name;
  std::string_view experts_key;
  std::string_view block;           ///< module that holds router and experts
  std::string_view gate, up, down;  ///< an expert's matrices
  std::string_view shared;          ///< module of the shared expert; "" where there is none
  QkNorm qk_norm;
  bool qkv_bias;
};
constexpr Architecture mixtral{"mixtral",
                               "MixtralForCausalLM",
                               "num_local_experts",
                               "block_sparse_moe",
                               "w1",
                               "w3",
                               "w2",
                               "",
                               QkNorm::none,
                               false};
constexpr Architecture olmoe{
    "olmoe", "OlmoeForCausalLM", "num_experts", "mlp", "gate_proj", "up_proj", "down_proj",
    "",      QkNorm::whole,      false};
constexpr Architecture qwen2{"qwen2_moe", "Qwen2MoeForCausalLM", "num_experts",   "mlp",        "gate_proj",
                             "up_proj",   "down_proj",           "shared_expert", QkNorm::none, true};
constexpr Architecture qwen3{
    "qwen3_moe", "Qwen3MoeForCausalLM", "num_experts", "mlp", "gate_proj", "up_proj", "down_proj",
    "",          QkNorm::per_head,      false};
constexpr Architecture glm{"glm4_moe", "Glm4MoeForCausalLM", "n_routed_experts", "mlp",        "gate_proj",
                           "up_proj",  "down_proj",          "shared_experts",   QkNorm::none, false};

/// "" where the architecture can express the configuration, else what it lacks.
std::string obstacle(const ModelConfig& c, bool rule_is_given) {
  const RouterConfig& r = c.router;
  const bool sigmoid = r.score == Score::sigmoid;
  if (c.dense_layers == c.layers) return "there is no MoE layer";
  if (r.score == Score::cosine || r.score == Score::autonomy)
    return "the router's scores are neither softmax nor sigmoid";
  if (!rule_is_given && r.rule.id != routing::ids::top_k &&
      !(sigmoid && r.rule.id == routing::ids::biased_top_k)) {
    return fmt::format(
        "rule {} is not a token's own top-k{}", r.rule.id,
        r.rule.id == routing::ids::biased_top_k ? " of softmax scores (a bias needs sigmoid scores)" : "");
  }
  if (r.gate != Gate::raw && r.gate != Gate::renormalised) return "gates are neither raw nor renormalised";
  if (sigmoid) {
    if (c.qk_norm == QkNorm::whole) return "sigmoid scores with a norm over all heads";
    if (c.shared_gate) return "sigmoid scores with a gated shared expert";
    if (c.experts < 2) return "sigmoid scores need two experts or more";
    if (c.shared_width % c.expert_width != 0) return "shared_width is not a multiple of expert_width";
    return "";
  }
  if (r.gate_scale != 1.0) return "gate_scale is not 1";
  if (c.shared_width > 0)
    return c.shared_gate && c.qkv_bias && c.qk_norm == QkNorm::none
               ? ""
               : "a shared expert with softmax scores needs shared_gate, qkv_bias and no QK norm (Qwen2-MoE)";
  if (c.qkv_bias) return "qkv_bias without a shared expert";
  if (c.qk_norm == QkNorm::none) {
    if (r.gate != Gate::renormalised) return "raw gates need a QK norm (Mixtral renormalises)";
    if (c.dense_layers > 0) return "dense layers need a QK norm per head (Mixtral has none)";
  }
  if (c.qk_norm == QkNorm::whole && c.dense_layers > 0) return "dense layers with a norm over all heads";
  return "";
}

Architecture architecture(const ModelConfig& c) {
  if (c.router.score == Score::sigmoid) return glm;
  if (c.shared_width > 0) return qwen2;
  if (c.qk_norm == QkNorm::per_head) return qwen3;
  return c.qk_norm == QkNorm::whole ? olmoe : mixtral;
}

/// Some architectures derive the width of a head.
bool head_width_is_free(const Architecture& a) {
  return a.model_type != olmoe.model_type && a.model_type != qwen2.model_type;
}

constexpr const char* saved_by = "pastonly";
constexpr std::size_t largest_config = 1 << 16;  // bytes, far more than any written here

Json config_json(const ModelConfig& c, const Architecture& a, std::size_t k) {
  Json json{{"architectures", {a.class_name}},
            {"saved_by", saved_by},
            {"model_type", a.model_type},
            {"vocab_size", c.vocab},
            {"hidden_size", c.width},
            {"num_hidden_layers", c.layers},
            {"num_attention_heads", c.heads},
            {"num_key_value_heads", c.kv_heads},
            {"head_dim", c.head_width},
            {"hidden_act", "silu"},
            {"rms_norm_eps", c.norm_epsilon},
            {"rope_theta", c.rope_theta},
            {"rope_parameters",
             {{"rope_type", "default"}, {"rope_theta", c.rope_theta}, {"partial_rotary_factor", 1.0}}},
            {"partial_rotary_factor", 1.0},
            {"tie_word_embeddings", c.tied_embeddings},
            {"attention_bias", c.qkv_bias && a.model_type == glm.model_type},
            {"num_experts_per_tok", k},
            {"norm_topk_prob", c.router.gate == Gate::renormalised},
            {"torch_dtype", "float32"}};
  json[std::string(a.experts_key)] = c.experts;
  json["moe_intermediate_size"] = c.expert_width;
  json["intermediate_size"] = c.dense_layers > 0 ? c.dense_width : c.expert_width;
  if (a.model_type == qwen2.model_type || a.model_type == qwen3.model_type) {
    json["decoder_sparse_step"] = 1;
    json["mlp_only_layers"] = Json::array();
    for (std::size_t l = 0; l < c.dense_layers; ++l) json["mlp_only_layers"].push_back(l);
  }
  if (a.model_type == qwen2.model_type) {
    json["shared_expert_intermediate_size"] = c.shared_width;
    json["qkv_bias"] = c.qkv_bias;
  }
  if (a.model_type == glm.model_type) {
    json.update({{"n_shared_experts", c.shared_width / c.expert_width},
                 {"first_k_dense_replace", c.dense_layers},
                 {"routed_scaling_factor", c.router.gate_scale},
                 {"use_qk_norm", c.qk_norm == QkNorm::per_head},
                 {"n_group", 1},
                 {"topk_group", 1},
                 {"num_nextn_predict_layers", 0},
                 {"num_mtp_layers", 0}});
  }
  return json;
}

/// Collects tensors under the names that transformers reads, without copying them.
class Export {
 public:
  Export(const Network<float>& network, const Architecture& architecture)
      : config_(network.config()), network_(network), a_(architecture) {}

  std::vector<Tensor> run() {
    const ParameterTable& table = network_.table();
    add("model.embed_tokens.weight", table.embedding);
    for (std::size_t l = 0; l < config_.layers; ++l) layer(l, table.layers[l]);
    add("model.norm.weight", table.final_norm);
    if (table.head) add("lm_head.weight", *table.head);
    return std::move(tensors_);
  }

 private:
  void add(std::string name, std::size_t id) {
    const auto block = network_.parameters().block(id);
    const TensorInfo& info = network_.table()[id];
    put(std::move(name), block, info.shape.size() == 1);
  }
  void put(std::string name, Block<const float> block, bool vector = false) {
    std::vector<std::size_t> shape{block.rows, block.columns};
    if (vector) shape = {block.rows * block.columns};
    tensors_.push_back({std::move(name), DType::f32, shape,
                        std::as_bytes(std::span(block.data, block.rows * block.columns))});
  }

  void layer(std::size_t l, const LayerTensors& t) {
    const std::string prefix = fmt::format("model.layers.{}.", l);
    add(prefix + "input_layernorm.weight", *t.norm1);
    add(prefix + "post_attention_layernorm.weight", *t.norm2);
    const auto qkv = network_.parameters().block(*t.qkv);
    std::size_t first = 0;
    for (const auto& [letter, rows] : {std::pair{'q', config_.query_columns()},
                                       {'k', config_.kv_columns()},
                                       {'v', config_.kv_columns()}}) {
      put(fmt::format("{}self_attn.{}_proj.weight", prefix, letter), qkv.row_range(first, rows));
      if (t.qkv_bias)
        put(fmt::format("{}self_attn.{}_proj.bias", prefix, letter),
            {network_.parameters().data(*t.qkv_bias) + first, 1, rows}, true);
      first += rows;
    }
    add(prefix + "self_attn.o_proj.weight", *t.attention);
    if (t.q_norm) add(prefix + "self_attn.q_norm.weight", *t.q_norm);
    if (t.k_norm) add(prefix + "self_attn.k_norm.weight", *t.k_norm);
    if (t.dense_in)
      return swiglu(prefix + "mlp.", "gate_proj", "up_proj", "down_proj",
                    network_.parameters().block(*t.dense_in), network_.parameters().block(*t.dense_out));
    experts(l, fmt::format("{}{}.", prefix, a_.block), t);
  }

  void experts(std::size_t l, const std::string& prefix, const LayerTensors& t) {
    add(prefix + "gate.weight", *t.router);
    for (std::size_t e = 0; e < config_.experts; ++e) {
      swiglu(fmt::format("{}experts.{}.", prefix, e), a_.gate, a_.up, a_.down,
             network_.parameters().expert(*t.expert_in, e), network_.parameters().expert(*t.expert_out, e));
    }
    if (t.shared_in)
      swiglu(fmt::format("{}{}.", prefix, a_.shared), a_.gate, a_.up, a_.down,
             network_.parameters().block(*t.shared_in), network_.parameters().block(*t.shared_out));
    if (t.shared_gate) add(prefix + "shared_expert_gate.weight", *t.shared_gate);
    if (a_.model_type == glm.model_type) bias(l, prefix);
  }

  void bias(std::size_t l, const std::string& prefix) {
    const auto& values = biases_.emplace_back(std::make_unique<std::vector<float>>(
        runtime::selection_bias(*network_.routers()[l].rule, config_.experts)));
    tensors_.push_back({prefix + "gate.e_score_correction_bias",
                        DType::f32,
                        {values->size()},
                        std::as_bytes(std::span(*values))});
  }

  void swiglu(const std::string& prefix, std::string_view gate, std::string_view up, std::string_view down,
              Block<const float> in, Block<const float> out) {
    const std::size_t width = in.rows / 2;
    put(fmt::format("{}{}.weight", prefix, gate), in.row_range(0, width));
    put(fmt::format("{}{}.weight", prefix, up), in.row_range(width, width));
    put(fmt::format("{}{}.weight", prefix, down), out);
  }

  const ModelConfig& config_;
  const Network<float>& network_;
  const Architecture& a_;
  std::vector<Tensor> tensors_;
  std::vector<std::unique_ptr<std::vector<float>>> biases_;  // the tensors view them
};

}  // namespace

Expected<void> save_hugging_face(const Model& model, const std::filesystem::path& directory,
                                 std::optional<std::size_t> declared_k) {
  const ModelConfig& config = model.config();
  const auto fail = [](const std::string& why) {
    return usage_error("no Hugging Face architecture here fits this model: " + why);
  };
  if (const auto why = obstacle(config, declared_k.has_value()); !why.empty()) return fail(why);
  const Architecture chosen = architecture(config);
  if (!head_width_is_free(chosen) && config.head_width * config.heads != config.width)
    return fail(fmt::format("{} needs head_width * heads = width", chosen.model_type));
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) return input_error(fmt::format("{}: cannot create it: {}", directory.string(), error.message()));
  Export exported(model.network(), chosen);
  const auto tensors = exported.run();
  auto written = input::write_safetensors(directory / "model.safetensors", {{"format", "pt"}}, tensors);
  if (!written) return written;
  const std::size_t k =
      declared_k ? *declared_k
                 : static_cast<std::size_t>(
                       routing::top_k_of(model.network().routers().back().rule->parameters()).value_or(0));
  return input::write_atomically(directory / "config.json", config_json(config, chosen, k).dump(2) + "\n");
}

bool saved_here(const std::filesystem::path& directory) {
  const auto path = directory / "config.json";
  const auto text = input::read_text(path, largest_config);
  if (!text) return false;
  const auto json = input::parse_json(*text, path.string(), Error::Kind::input);
  return json && json->is_object() && json->value("saved_by", Json()) == saved_by;
}

}  // namespace pastonly::model

#include "checkpoint/gguf_weights.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <memory>
#include <optional>
#include <utility>

#include "checkpoint/gguf_latent.h"
#include "input/text/printable.h"

namespace pastonly::checkpoint {
namespace {

struct Renamed {
  std::string_view from, to;
};

/// Of the whole model. Source: gguf-py, constants.py and tensor_mapping.py.
constexpr auto outer_names = std::to_array<Renamed>({
    {"token_embd.weight", "model.embed_tokens.weight"},
    {"output_norm.weight", "model.norm.weight"},
    {"output_norm.bias", "model.norm.bias"},
    {"output.weight", "lm_head.weight"},
    {"output.bias", "lm_head.bias"},
});

/// Of a layer, without "blk.N." and ".weight" or ".bias".
constexpr auto layer_names = std::to_array<Renamed>({
    {"attn_norm", "input_layernorm"},
    {"ffn_norm", "post_attention_layernorm"},
    {"post_attention_norm", "post_attention_layernorm"},
    {"attn_q", "self_attn.q_proj"},
    {"attn_k", "self_attn.k_proj"},
    {"attn_v", "self_attn.v_proj"},
    {"attn_output", "self_attn.o_proj"},
    {"attn_q_norm", "self_attn.q_norm"},
    {"attn_k_norm", "self_attn.k_norm"},
    {"attn_q_a", "self_attn.q_a_proj"},
    {"attn_q_b", "self_attn.q_b_proj"},
    {"attn_q_a_norm", "self_attn.q_a_layernorm"},
    {"attn_kv_a_mqa", "self_attn.kv_a_proj_with_mqa"},
    {"attn_kv_a_norm", "self_attn.kv_a_layernorm"},
    {"attn_kv_b", "self_attn.kv_b_proj"},
    {"ffn_gate", "mlp.gate_proj"},
    {"ffn_up", "mlp.up_proj"},
    {"ffn_down", "mlp.down_proj"},
    {"ffn_gate_inp", "mlp.gate"},
    {"ffn_gate_inp_shexp", "mlp.shared_expert_gate"},
    {"ffn_gate_shexp", "mlp.shared_experts.gate_proj"},
    {"ffn_up_shexp", "mlp.shared_experts.up_proj"},
    {"ffn_down_shexp", "mlp.shared_experts.down_proj"},
});

/// Whole names of a layer.
constexpr auto layer_tensors = std::to_array<Renamed>({
    {"attn_sinks.weight", "self_attn.sinks"},
    {"exp_probs_b.bias", "mlp.gate.e_score_correction_bias"},
    {"attn_rot_embd.inv_freq", "self_attn.rotary_emb.inv_freq"},
});

/// Matrices, or rows of a bias, of all experts.
constexpr auto expert_names = std::to_array<Renamed>({
    {"ffn_gate_exps", "gate_proj"},
    {"ffn_up_exps", "up_proj"},
    {"ffn_down_exps", "down_proj"},
});

constexpr std::size_t most_views = std::size_t{1} << 20;

template <std::size_t size>
std::string_view find_name(const std::array<Renamed, size>& names, std::string_view from) {
  for (const Renamed& name : names) {
    if (name.from == from) return name.to;
  }
  return "";
}

/// "blk.12." of a name: its layer, and the name is shortened.
std::optional<std::size_t> take_layer(std::string_view& name) {
  if (!name.starts_with("blk.")) return std::nullopt;
  std::size_t layer = 0;
  const auto [end, error] = std::from_chars(name.data() + 4, name.data() + name.size(), layer);
  if (error != std::errc{} || end == name.data() + name.size() || *end != '.') return std::nullopt;
  name.remove_prefix(static_cast<std::size_t>(end - name.data()) + 1);
  return layer;
}

class Renaming {
 public:
  Renaming(const Description& description, const GgufTensors& tensors) : d_(description), given_(tensors) {}

  Expected<Named> run() {
    for (const auto& [name, placed] : given_) {
      place(name, placed);
      if (!error_.empty()) return input_error(input::printable(error_));
    }
    return std::move(out_);
  }

 private:
  void reject(const PlacedTensor& placed, std::string_view why) {
    if (error_.empty())
      error_ = fmt::format("{}: tensor '{}': {}", placed.part->path, placed.tensor->name, why);
  }

  void add(const PlacedTensor& placed, std::string name, std::vector<std::size_t> shape,
           std::span<const std::byte> bytes) {
    if (out_.size() >= most_views) return reject(placed, fmt::format("more than {} matrices", most_views));
    StoredTensor stored{fmt::format("{} ({})", placed.part->path, placed.tensor->name), name,
                        std::string(placed.tensor->type->name), std::move(shape), bytes};
    if (!out_.emplace(name, std::move(stored)).second)
      reject(placed, fmt::format("stands for '{}', as another tensor does", name));
  }
  void add(const PlacedTensor& placed, std::string name) {
    add(placed, std::move(name), placed.tensor->shape, placed.tensor->bytes);
  }

  void place(std::string_view name, const PlacedTensor& placed) {
    if (name == "rope_freqs.weight") return;  // rope_of
    if (placed.tensor->type->decode == nullptr && !encoding_of(placed.tensor->type->name))
      return reject(placed,
                    fmt::format("type {} is not supported; expected F32, F16, BF16, Q8_0, Q4_0, Q4_1, "
                                "Q5_0, Q5_1, Q2_K to Q6_K, IQ4_NL, IQ4_XS or MXFP4: quantise the model "
                                "anew (llama-quantize)",
                                placed.tensor->type->name));
    if (const auto outer = find_name(outer_names, name); !outer.empty())
      return add(placed, std::string(outer));
    std::string_view rest = name;
    const auto layer = take_layer(rest);
    layer ? inner(*layer, rest, placed) : add(placed, std::string(name));
  }

  void inner(std::size_t layer, std::string_view rest, const PlacedTensor& placed) {
    const std::string prefix = fmt::format("model.layers.{}.", layer);
    if (const auto whole = find_name(layer_tensors, rest); !whole.empty()) {
      auto shape = placed.tensor->shape;
      if (shape.size() == 2 && shape[0] == 1) shape.erase(shape.begin());  // ERNIE's correction bias
      return add(placed, prefix + std::string(whole), std::move(shape), placed.tensor->bytes);
    }
    const std::size_t dot = rest.rfind('.');
    const std::string_view stem = rest.substr(0, dot), suffix = dot < rest.size() ? rest.substr(dot) : "";
    if (stem == "attn_qkv")
      return reject(placed,
                    "queries, keys and values in one tensor are not supported; convert the model "
                    "without --fuse-qkv");
    if (stem.starts_with("ffn_gate.") || stem.starts_with("ffn_up.") || stem.starts_with("ffn_down."))
      return reject(placed,
                    "experts in tensors of their own, as files of early 2024 have them, are not "
                    "supported; convert the model anew");
    if (const auto kind = find_name(expert_names, stem); !kind.empty())
      return experts(prefix, kind, suffix, placed);
    if (stem == "ffn_gate_up_exps") return halves(prefix, suffix, placed);
    if (stem == "ffn_gate_inp_shexp" && placed.tensor->shape.size() == 1)  // one row, squeezed
      return add(placed, prefix + "mlp.shared_expert_gate.weight", {1, placed.tensor->shape[0]},
                 placed.tensor->bytes);
    const auto known = find_name(layer_names, stem);
    add(placed, prefix + (known.empty() ? std::string(rest) : fmt::format("{}{}", known, suffix)));
  }

  /// The part of every expert, (rest of the shape).
  void experts(const std::string& prefix, std::string_view kind, std::string_view suffix,
               const PlacedTensor& placed) {
    const GgufTensor& tensor = *placed.tensor;
    if (!fits(placed, suffix)) return;
    const std::size_t count = tensor.shape[0], size = tensor.bytes.size() / count;
    for (std::size_t e = 0; e < count && error_.empty(); ++e)
      add(placed, fmt::format("{}mlp.experts.{}.{}{}", prefix, e, kind, suffix),
          {tensor.shape.begin() + 1, tensor.shape.end()}, tensor.bytes.subspan(e * size, size));
  }

  /// Gate and up of every expert, the gate first.
  void halves(const std::string& prefix, std::string_view suffix, const PlacedTensor& placed) {
    const GgufTensor& tensor = *placed.tensor;
    if (!fits(placed, suffix)) return;
    if (tensor.shape[1] % 2 != 0) return reject(placed, "expected as many rows of gate as of up");
    std::vector<std::size_t> shape(tensor.shape.begin() + 1, tensor.shape.end());
    shape[0] /= 2;
    if (suffix == ".bias") return reject(placed, "biases of gate and up in one tensor are not supported");
    const std::size_t count = tensor.shape[0], size = tensor.bytes.size() / count / 2;
    for (std::size_t e = 0; e < count && error_.empty(); ++e) {
      const std::string module = fmt::format("{}mlp.experts.{}.", prefix, e);
      add(placed, module + "gate_proj.weight", shape, tensor.bytes.subspan(2 * e * size, size));
      add(placed, module + "up_proj.weight", shape, tensor.bytes.subspan((2 * e + 1) * size, size));
    }
  }

  bool fits(const PlacedTensor& placed, std::string_view suffix) {
    const auto& shape = placed.tensor->shape;
    const bool bias = suffix == ".bias";
    if (!bias && suffix != ".weight") {
      reject(placed, "expected .weight or .bias");
    } else if (shape.size() != (bias ? 2 : 3) || shape[0] != d_.router.experts) {
      reject(placed, fmt::format("expected the {} of {} experts, found shape {}",
                                 bias ? "biases" : "matrices", d_.router.experts, shape_text(shape)));
    } else if (bias && placed.tensor->type->numbers != 1) {
      reject(placed, fmt::format("expected F32, found {}", placed.tensor->type->name));
    }
    return error_.empty();
  }

  const Description& d_;
  const GgufTensors& given_;
  Named out_;
  std::string error_;
};

}  // namespace

const Names& gguf_names() {
  static const Names names{{"mlp"}, {"gate.weight"}, "gate_proj", "up_proj", "down_proj",
                           {},      "shared_experts"};
  return names;
}

Expected<Weights> gguf_weights(const Description& description, const std::vector<GgufFile>& parts,
                               const GgufTensors& tensors) {
  auto named = Renaming(description, tensors).run();
  if (!named) return tl::unexpected(named.error());
  std::vector<std::shared_ptr<const void>> storage;
  std::vector<FileRecord> files;
  for (const GgufFile& part : parts) {
    std::error_code error;
    files.push_back({part.path, std::filesystem::file_size(part.path, error), ""});
    storage.push_back(part.storage);
  }
  if (description.attention.latent()) {
    if (auto done = join_latent(description, *named, storage); !done) return tl::unexpected(done.error());
  }
  return Weights::of(*std::move(named), std::move(files), std::move(storage));
}

}  // namespace pastonly::checkpoint

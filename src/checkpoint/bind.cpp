#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "checkpoint/recurrent.h"
#include "checkpoint/tensor_finder.h"
#include "input/text/printable.h"

namespace pastonly::checkpoint {
namespace {

/// Half of the outputs of a matrix that holds gate and up.
StoredMatrix half(StoredMatrix matrix, bool second, bool interleaved) {
  matrix.outputs /= 2;
  if (interleaved) {
    matrix.first = second ? 1 : 0;
    matrix.step = 2;
  } else {
    matrix.first = second ? matrix.outputs : 0;
  }
  return matrix;
}

/// A matrix whose lines in the file are inputs.
StoredMatrix turned(StoredMatrix matrix) {
  std::swap(matrix.outputs, matrix.inputs);
  matrix.inputs_first = true;
  return matrix;
}

std::vector<float> half(const std::vector<float>& bias, std::size_t expert, std::size_t width, bool second) {
  std::vector<float> out(width);  // gate and up alternate
  for (std::size_t i = 0; i < width; ++i) out[i] = bias[expert * 2 * width + 2 * i + (second ? 1 : 0)];
  return out;
}

class Binder {
 public:
  Binder(const Description& description, const Weights& weights)
      : d_(description), find_(weights, description.quantisation) {}

  Expected<ModelWeights> run() {
    for (const std::string_view prefix : {"model.language_model.", "language_model.model."}) {
      if (find_.has(std::string(prefix) + "embed_tokens.weight")) prefix_ = prefix;
    }
    ModelWeights out;
    out.embedding.weight = find_.matrix(prefix_ + "embed_tokens.weight", d_.vocab, d_.width);
    out.layers.resize(d_.layers.size());
    for (std::size_t l = 0; l < d_.layers.size() && !find_.failed(); ++l) layer(l, out.layers[l]);
    out.last = norm(prefix_ + std::string(d_.names.last_norm), d_.width);
    head(out);
    if (!find_.failed()) leftovers(out);
    say_activations(out);
    if (find_.failed()) return input_error(find_.error());
    return out;
  }

 private:
  NormWeights norm(const std::string& name, std::size_t width) {
    NormWeights out;
    out.gain = gains(name + ".weight", width);
    if (d_.norm == Norm::layer) out.bias = find_.vector(name + ".bias", width);
    return out;
  }

  std::vector<float> gains(const std::string& name, std::size_t width) {
    std::vector<float> out = find_.vector(name, width);
    if (d_.gains_from_one) {
      for (float& gain : out) gain += 1.0F;
    }
    return out;
  }

  /// Of a layer; none where the family has no name for it.
  NormWeights norm_of(const std::string& layer, std::string_view name) {
    return name.empty() ? NormWeights{} : norm(layer + std::string(name), d_.width);
  }

  void head(ModelWeights& out) {
    const std::string name = prefix_ == "language_model.model." ? "language_model.lm_head" : "lm_head";
    // Tied checkpoints may hold the head's copy all the same. transformers ties no head that is another.
    if (d_.tied_embeddings && same_as_embedding(name + ".weight")) {
      find_.skip(name + ".weight");
      out.head = out.embedding;
      if (d_.head_bias) out.head.bias = find_.vector(name + ".bias", d_.vocab);
    } else {
      out.head = find_.linear(name, d_.vocab, d_.width, d_.head_bias);
    }
    if (d_.tied_embeddings && find_.taken().contains(name + ".weight") && out.head.weight.data != nullptr &&
        out.head.weight.data != out.embedding.weight.data)
      out.oddities.push_back(
          fmt::format("holds another '{}.weight' than its embedding, though config.json says "
                      "tie_word_embeddings: it is used, "
                      "as transformers does",
                      name));
  }

  /// Whether a head is missing or holds the same bytes.
  bool same_as_embedding(const std::string& name) const {
    const StoredTensor* head = find_.weights().find(name);
    const StoredTensor* embedding = find_.weights().find(prefix_ + "embed_tokens.weight");
    if (head == nullptr) return !find_.has_matrix(name);
    return embedding == nullptr ||
           (head->dtype == embedding->dtype && std::ranges::equal(head->bytes, embedding->bytes));
  }

  void layer(std::size_t l, LayerWeights& out) {
    const std::string name = fmt::format("{}layers.{}.", prefix_, l);
    out.before_attention = norm_of(name, d_.names.before_attention);
    out.after_attention = norm_of(name, d_.names.after_attention);
    out.before_experts = norm_of(name, d_.names.before_experts);
    out.after_experts = norm_of(name, d_.names.after_experts);
    const std::string module = fmt::format("{}{}.", name, d_.names.attention);
    find_.skip(module + "rotary_emb.inv_freq");
    if (const Mixer mixer = d_.layers[l].mixer; mixer != Mixer::attention) {
      out.recurrent = bind_recurrent(find_, d_, mixer, name);
    } else {
      const AttentionDescription& how = d_.attention_of(d_.layers[l]);
      how.latent() ? latent(module, how, out.attention) : attention(module, how, out.attention);
    }
    if (!d_.names.layer_scale.empty()) {
      const auto scale = find_.vector(name + std::string(d_.names.layer_scale), 1);
      if (!scale.empty()) out.scale = scale.front();
    }
    if (!d_.layers[l].sparse) {
      out.shared = swiglu(fmt::format("{}{}.", name, d_.names.dense), d_.expert.dense_width);
    } else {
      d_.names.own_router.empty() ? block(name, out) : beside(name, out);
    }
  }

  /// Router, experts and shared expert beside each other in the layer, each with norms of its own.
  void beside(const std::string& layer, LayerWeights& out) {
    const std::string router = fmt::format("{}{}.", layer, d_.names.own_router);
    out.router.weight = find_.matrix(router + "proj.weight", d_.router.experts, d_.width);
    out.router_norm.gain = find_.vector(router + "scale", d_.width);
    for (float& gain : out.router_norm.gain)
      gain *= static_cast<float>(1.0 / std::sqrt(static_cast<double>(d_.width)));
    out.expert_scale = find_.vector(router + "per_expert_scale", d_.router.experts);
    experts(layer, out.experts);
    out.shared = swiglu(fmt::format("{}{}.", layer, d_.names.dense), d_.expert.dense_width);
    out.before_shared = norm_of(layer, d_.names.before_shared);
    out.after_shared = norm_of(layer, d_.names.after_shared);
    out.after_routed = norm_of(layer, d_.names.after_routed);
  }

  void attention(const std::string& name, const AttentionDescription& a, AttentionWeights& out) {
    const std::size_t queries = a.heads * a.key_width * (a.gate == OutputGate::with_queries ? 2 : 1);
    out.query = find_.linear(name + "q_proj", queries, d_.width, a.input_bias);
    out.key = find_.linear(name + "k_proj", a.kv_heads * a.key_width, d_.width, a.input_bias);
    if (!a.values_are_keys)
      out.value = find_.linear(name + "v_proj", a.kv_heads * a.value_width, d_.width, a.input_bias);
    out.output = find_.linear(name + std::string(d_.names.attention_output), d_.width,
                              a.heads * a.value_width, a.output_bias);
    if (a.gate == OutputGate::beside)
      out.gate = find_.linear(name + "gate_proj", a.heads * a.value_width, d_.width, false);
    if (a.qk_norm != QkNorm::none && a.qk_norm != QkNorm::after_rotation) {
      const bool whole = a.qk_norm == QkNorm::whole;
      out.query_norm.gain =
          gains(fmt::format("{}{}.weight", name, d_.names.query_norm), a.key_width * (whole ? a.heads : 1));
      out.key_norm.gain =
          gains(fmt::format("{}{}.weight", name, d_.names.key_norm), a.key_width * (whole ? a.kv_heads : 1));
    }
    if (a.sinks) out.sinks = find_.vector(name + "sinks", a.heads);
  }

  void latent(const std::string& name, const AttentionDescription& a, AttentionWeights& out) {
    const std::size_t queries = a.heads * a.key_width, rotated = a.rotary.width;
    if (a.query_rank > 0) {
      out.query_down = find_.linear(name + "q_a_proj", a.query_rank, d_.width, a.input_bias);
      out.query_rank_norm.gain = find_.vector(name + "q_a_layernorm.weight", a.query_rank);
      out.query = find_.linear(name + "q_b_proj", queries, a.query_rank, false);
    } else {
      out.query = find_.linear(name + "q_proj", queries, d_.width, false);
    }
    out.key = find_.linear(name + "kv_a_proj_with_mqa", a.kv_rank + rotated, d_.width, a.input_bias);
    out.kv_rank_norm.gain = find_.vector(name + "kv_a_layernorm.weight", a.kv_rank);
    out.value =
        find_.linear(name + "kv_b_proj", a.heads * (a.key_width - rotated + a.value_width), a.kv_rank, false);
    out.output = find_.linear(name + "o_proj", d_.width, a.heads * a.value_width, a.output_bias);
  }

  SwigluWeights swiglu(const std::string& module, std::size_t width) {
    const bool bias = d_.expert.dense_bias;
    return {find_.linear(module + std::string(d_.names.dense_gate), width, d_.width, bias),
            find_.linear(module + std::string(d_.names.dense_up), width, d_.width, bias),
            find_.linear(module + std::string(d_.names.dense_down), d_.width, width, bias)};
  }

  SwigluWeights shared(const std::string& module) {
    const Names::Fused& names = d_.names.shared_fused;
    const std::size_t width = d_.expert.shared_width;
    if (names.gate_up.empty()) return swiglu(module, width);
    const StoredMatrix both = find_.matrix(module + std::string(names.gate_up), 2 * width, d_.width);
    SwigluWeights out;
    out.gate.weight = half(both, false, false);
    out.up.weight = half(both, true, false);
    out.down.weight = find_.matrix(module + std::string(names.down), d_.width, width);
    return out;
  }

  /// The first alternative that exists, else the first.
  std::string choose(const std::string& layer, std::string& block) const {
    for (const auto candidate : d_.names.blocks) {
      for (const auto router : d_.names.routers) {
        block = fmt::format("{}{}.", layer, candidate);
        if (find_.has_matrix(block + std::string(router))) return block + std::string(router);
      }
    }
    block = fmt::format("{}{}.", layer, d_.names.blocks.front());
    return block + std::string(d_.names.routers.front());
  }

  void block(const std::string& layer, LayerWeights& out) {
    const RouterDescription& r = d_.router;
    std::string block;
    const std::string router = choose(layer, block);
    out.router.weight = d_.names.router_inputs_first ? turned(find_.matrix(router, d_.width, r.experts))
                                                     : find_.matrix(router, r.experts, d_.width);
    const std::string module = router.substr(0, router.rfind('.') + 1);
    if (r.bias) out.router.bias = find_.vector(module + "bias", r.experts);
    if (r.correction_bias) {
      const std::string correction = block + std::string(d_.names.correction);
      const std::size_t rows = d_.names.correction_rows;
      out.correction = rows > 0 ? grid(correction, rows, r.experts) : find_.vector(correction, r.experts);
      if (out.correction.size() > r.experts) out.correction.resize(r.experts);
      // A rule is made of it before any weight is looked at.
      if (std::ranges::any_of(out.correction, [](float x) { return !std::isfinite(x); })) {
        const StoredTensor* tensor = find_.weights().find(correction);
        find_.reject(
            fmt::format("{}tensor '{}' holds a number that is not finite; the checkpoint cannot be run",
                        tensor != nullptr ? tensor->file + ": " : "", correction));
      }
    }
    experts(block, out.experts);
    if (d_.expert.shared_width > 0)
      out.shared = shared(fmt::format("{}{}.", d_.names.shared_beside ? layer : block, d_.names.shared));
    if (d_.expert.shared_gate)
      out.shared_gate = find_.linear(block + "shared_expert_gate", 1, d_.width, false);
  }

  void experts(const std::string& block, std::vector<SwigluWeights>& out) {
    out.resize(d_.router.experts);
    for (const Names::Fused& names : d_.names.fused) {
      const std::string gate_up = block + std::string(names.gate_up);
      const bool last = &names == &d_.names.fused.back() && d_.names.gate.empty();
      if (last || find_.has_matrix(gate_up)) return fused(block, names, out);
    }
    const std::size_t width = d_.expert.width;
    for (std::size_t e = 0; e < out.size() && !find_.failed(); ++e) {
      const std::string module = fmt::format("{}experts.{}.", block, e);
      out[e].gate = find_.linear(module + std::string(d_.names.gate), width, d_.width, d_.expert.bias);
      out[e].up = find_.linear(module + std::string(d_.names.up), width, d_.width, d_.expert.bias);
      out[e].down = find_.linear(module + std::string(d_.names.down), d_.width, width, d_.expert.bias);
    }
  }

  void fused(const std::string& block, const Names::Fused& names, std::vector<SwigluWeights>& out) {
    const std::size_t width = d_.expert.width, count = out.size();
    if (const std::string packed = fmt::format("{}experts.0.{}_blocks", block, last_part(names.gate_up));
        find_.has(packed))
      return find_.reject(fmt::format(
          "{}: tensor '{}': experts one by one in MXFP4 are not supported; expected those of a layer in one "
          "tensor, '{}{}_blocks', as transformers saves them",
          find_.weights().find(packed)->file, packed, block, names.gate_up));
    const std::string gate_up = block + std::string(names.gate_up), down = block + std::string(names.down);
    const auto inputs_first = [&](const std::string& name, std::size_t outputs, std::size_t inputs) {
      const StoredTensor* tensor = find_.weights().find(name);
      return names.inputs_first || (names.either_first && tensor != nullptr &&
                                    tensor->shape != std::vector<std::size_t>{count, outputs, inputs});
    };
    const auto ins =
        find_.stack(gate_up, count, 2 * width, d_.width, inputs_first(gate_up, 2 * width, d_.width));
    const auto outs = find_.stack(down, count, d_.width, width, inputs_first(down, d_.width, width));
    std::vector<float> in_bias, out_bias;
    if (d_.expert.bias) {
      in_bias = grid(gate_up + "_bias", count, 2 * width);
      out_bias = grid(down + "_bias", count, d_.width);
    }
    if (find_.failed()) return;
    for (std::size_t e = 0; e < count; ++e) {
      out[e].gate.weight = half(ins[e], false, names.interleaved);
      out[e].up.weight = half(ins[e], true, names.interleaved);
      out[e].down.weight = outs[e];
      if (in_bias.empty()) continue;
      out[e].gate.bias = half(in_bias, e, width, false);
      out[e].up.bias = half(in_bias, e, width, true);
      const auto first = out_bias.begin() + static_cast<std::ptrdiff_t>(e * d_.width);
      out[e].down.bias.assign(first, first + static_cast<std::ptrdiff_t>(d_.width));
    }
  }

  /// "gate_up_proj" of "experts.gate_up_proj".
  static std::string_view last_part(std::string_view name) { return name.substr(name.rfind('.') + 1); }

  /// A small matrix, read whole.
  std::vector<float> grid(const std::string& name, std::size_t rows, std::size_t columns) {
    const StoredMatrix matrix = find_.matrix(name, rows, columns);
    if (matrix.data == nullptr) return {};
    std::vector<float> out(rows * columns);
    for (std::size_t row = 0; row < rows; ++row) read_row(matrix, row, out.data() + row * columns);
    return out;
  }

  void say_activations(ModelWeights& out) const {
    const std::string& scale = find_.activation_scale();
    if (!d_.quantisation.activations && scale.empty()) return;
    out.oddities.push_back(
        fmt::format("is made for servers that quantise activations{}, which stay in float32 here",
                    scale.empty() ? "" : fmt::format(" ('{}')", scale)));
  }

  /// Whether a tensor belongs to what a model that also sees or hears has beside its text part.
  bool elsewhere(const std::string& name) const {
    return !d_.part_of.empty() && !name.starts_with(prefix_ + "layers.") &&
           !name.starts_with(prefix_ + "embed_tokens.") && name.find("lm_head.") == std::string::npos;
  }

  bool unused(const std::string& name) const {
    return std::ranges::any_of(d_.names.unused,
                               [&](std::string_view part) { return name.find(part) != std::string::npos; });
  }

  /// Tensors that nobody asked for, wherever they stand.
  void leftovers(ModelWeights& out) {
    std::size_t scales = 0;
    for (const auto& [name, tensor] : find_.weights().tensors()) {
      if (find_.taken().contains(name)) continue;
      if (elsewhere(name) || unused(name)) continue;
      std::size_t l = 0;
      const std::string layers = prefix_ + "layers.";
      if (name.starts_with(layers))
        std::from_chars(name.data() + layers.size(), name.data() + name.size(), l);
      // Some layers beyond the last predict further tokens in training (DeepSeek-V3), as mtp_ modules do
      // (ERNIE).
      const bool predicts_further = name.starts_with("mtp.") && d_.training_layers > 0;
      // Of a cache in few bits: they change how keys and values are stored, not what they are.
      if (name.ends_with("self_attn.k_scale") || name.ends_with("self_attn.v_scale")) {
        if (scales++ == 0)
          out.oddities.push_back(
              fmt::format("holds scales of a quantised cache ('{}'), which are not used", name));
        continue;
      }
      if (predicts_further || name.starts_with(prefix_ + "mtp_")) continue;
      if (l >= d_.layers.size()) {
        if (l - d_.layers.size() < d_.training_layers) continue;
        return find_.reject(fmt::format(
            "{}: tensor '{}' is of a layer beyond num_hidden_layers = {} in {}, which names no such "
            "layer that predicts further tokens in training (num_nextn_predict_layers)",
            tensor.file, name, d_.layers.size(), find_.weights().described_by()));
      }
      return find_.reject(
          fmt::format("{}: tensor '{}' has no place in a {} as {} describes it; is "
                      "this another architecture's file?",
                      tensor.file, name, d_.model_type, find_.weights().described_by()));
    }
  }

  const Description& d_;
  TensorFinder find_;
  std::string prefix_ = "model.";
};

}  // namespace

Expected<ModelWeights> bind(const Description& description, const Weights& weights) {
  return Binder(description, weights).run();
}

}  // namespace pastonly::checkpoint

#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/mixer_description.h"
#include "checkpoint/quantisation.h"
#include "checkpoint/rotary.h"
#include "pastonly/routing_rule.h"

namespace pastonly::checkpoint {

enum class Norm { rms, layer };  ///< layer: mean removed, with a bias

/// Normalisation of queries and keys: none; RMS over each head or over the whole projection, with gains,
/// before rotation; RMS over each head after rotation, without gains and of layers that rotate alone (Llama
/// 4), or with gains (HunYuan).
enum class QkNorm { none, per_head, whole, after_rotation, per_head_after_rotation };

/// What the heads' output is multiplied by, as a sigmoid, before its projection: nothing, a projection of its
/// own (AFMoE), or what stands beside every head's query (Qwen3-Next).
enum class OutputGate { none, beside, with_queries };

struct AttentionDescription {
  std::size_t heads = 0;
  std::size_t kv_heads = 0;
  std::size_t key_width = 0;    ///< of one head's query and key
  std::size_t value_width = 0;  ///< of one head's value
  bool input_bias = false;      ///< of queries, keys and values
  bool output_bias = false;
  QkNorm qk_norm = QkNorm::none;
  double scale = 1.0;          ///< of q . k
  std::optional<double> clip;  ///< of queries, keys and values (OLMoE)
  bool sinks = false;          ///< a learned logit beside every head's scores (gpt-oss)
  OutputGate gate = OutputGate::none;
  bool values_are_keys = false;  ///< before their norm and rotation
  bool value_norm = false;       ///< RMS over each head, without gains
  RotaryDescription rotary;
  Pairing pairing = Pairing::halves;
  /// Queries of layers without rotation grow by 1 + scale * ln(1 + floor((position + 1) / every)) (Llama 4).
  struct Temperature {
    double every = 0.0, scale = 0.0;
  };
  std::optional<Temperature> temperature;

  /// Multi-head latent attention (DeepSeek-V2, section 2.1): queries and keys have rotated parts of
  /// rotary.width, keys and values come from a common projection of this rank. 0 = ordinary attention.
  std::size_t kv_rank = 0;
  std::size_t query_rank = 0;  ///< 0 = queries are projected at once
  double rank_norm_epsilon = 1e-6;

  bool latent() const noexcept { return kv_rank > 0; }
};

/// What a router says of a token before selection.
enum class Score { softmax, sigmoid };
/// How scores become combine weights of the experts that a token has.
enum class GateNormalisation {
  raw,           ///< the score
  renormalised,  ///< over the sum of the token's scores; equals a softmax over the chosen logits
  sparse_mixer,  ///< one expert after the other: softmax over the logits near the largest that is left
                 ///< (PhiMoE)
};

struct RouterDescription {
  std::size_t experts = 0;
  Score score = Score::softmax;
  RuleSpec rule;  ///< what the configuration declares; a correction bias is added layer by layer
  GateNormalisation gate = GateNormalisation::raw;
  double gate_scale = 1.0;
  double sum_floor = 1e-20;  ///< added to the sum that renormalised gates are divided by
  bool gate_enters = false;  ///< the gate scales the expert's input, not its output (Llama 4)
  bool bias = false;         ///< of the logits
  bool correction_bias = false;
  double jitter = 0.0;  ///< sparse_mixer: how far below the largest a logit may lie, relative
};

enum class Activation {
  silu,     ///< silu(gate) up
  gelu,     ///< gelu(gate) up, in its tanh form (Gemma)
  clamped,  ///< (up + 1) gate sigmoid(alpha gate) of clamped values (gpt-oss)
};

struct ExpertDescription {
  std::size_t width = 0;
  bool bias = false;
  Activation activation = Activation::silu;  ///< of shared experts and dense layers too, unless clamped
  double alpha = 0.0, limit = 0.0;
  std::size_t shared_width = 0;  ///< of the expert every token takes; 0 = none
  bool shared_gate = false;      ///< weighted by sigmoid(x w) (Qwen2-MoE)
  std::size_t dense_width = 0;   ///< of layers without experts
  bool dense_bias = false;       ///< of shared experts and of layers without experts
};

struct LayerDescription {
  Mixer mixer = Mixer::attention;
  bool sees_all = false;   ///< is described by Description::whole_attention
  bool sparse = true;      ///< has a router and experts
  bool rotates = true;     ///< rotary positions
  std::size_t window = 0;  ///< attention sees this many tokens, itself among them; 0 = all before
  std::size_t chunk = 0;   ///< attention stays within chunks of this many positions; 0 = none
};

/// Where a family's tensors are. Names are relative to the layer; alternatives in the order they are tried.
struct Names {
  std::vector<std::string_view> blocks;   ///< module of router and experts: "mlp"
  std::vector<std::string_view> routers;  ///< in it: "gate.weight"
  std::string_view gate, up, down;        ///< an expert's own matrices: experts.E.gate.weight
  /// All experts in one tensor: gate and up together, and down.
  struct Fused {
    std::string_view gate_up, down;
    bool inputs_first = false;  ///< (experts, inputs, outputs)
    bool interleaved = false;   ///< gate and up alternate
    bool either_first = false;  ///< outputs or inputs, whichever the shape says, outputs where it says both
  };
  std::vector<Fused> fused;
  std::string_view shared;                                       ///< module of the shared expert
  std::string_view dense = "mlp";                                ///< module of layers without experts
  std::string_view correction = "gate.e_score_correction_bias";  ///< beside the experts
  std::size_t correction_rows = 0;  ///< (rows, experts), of which the first counts; 0 = (experts)
  bool router_inputs_first = false;
  /// The shared expert stands beside the block, not in it.
  bool shared_beside = false;
  Fused shared_fused = {};  ///< in its module; empty = gate_proj, up_proj and down_proj
  /// Of shared experts and of layers without experts.
  std::string_view dense_gate = "gate_proj", dense_up = "up_proj", dense_down = "down_proj";
  /// Gemma 4: a module of its own beside the experts, which reads the stream by a norm of its own.
  std::string_view own_router = "";
  std::string_view before_shared = "", after_shared = "", after_routed = "";
  std::string_view layer_scale = "";
  /// Norms of a layer's two halves, before and after; "" = none.
  std::string_view before_attention = "input_layernorm", after_attention = "";
  std::string_view before_experts = "post_attention_layernorm", after_experts = "";
  std::string_view last_norm = "norm";
  std::string_view attention = "self_attn", attention_output = "o_proj";
  std::string_view query_norm = "q_norm", key_norm = "k_norm";
  /// Parts of the names of tensors that are not run here: experts of images, indexers, modules that predict
  /// further tokens.
  std::vector<std::string_view> unused = {};
};

/// What a checkpoint computes: everything but the weights.
struct Description {
  std::string model_type;  ///< of the family that it is run as
  std::string named;       ///< what config.json says instead; "" = the same
  bool renamed = false;    ///< `named` is known to be another name for the family, and nothing else
  std::size_t vocab = 0;
  std::size_t width = 0;
  /// What it is the text part of: the model_type of a model that also sees or hears; "" = nothing.
  std::string part_of;
  Norm norm = Norm::rms;
  double norm_epsilon = 1e-6;
  bool gains_from_one = false;  ///< norms' gains are stored as what they add to 1, except of gated ones
  double embedding_multiplier = 1.0;
  double residual_multiplier = 1.0;
  double logits_divisor = 1.0;
  std::optional<double> logits_cap;  ///< logits become cap tanh(logits / cap)
  bool tied_embeddings = false;
  bool head_bias = false;
  std::size_t max_positions = 0;
  /// Longer sequences are refused: from here on transformers attends to some positions only, chosen by an
  /// indexer that is not run here (DeepSeek-V3.2).
  std::size_t longest = 0;
  AttentionDescription attention;
  /// Of layers that see everything before them, where it differs from that of layers with windows (Gemma 4).
  std::optional<AttentionDescription> whole_attention;
  DeltaDescription delta;  ///< of layers with that mixer, as the two below
  ConvolutionDescription convolution;
  StateSpaceDescription state_space;
  RouterDescription router;
  ExpertDescription expert;
  std::vector<LayerDescription> layers;
  std::size_t training_layers = 0;  ///< beyond these: they predict further tokens, and are not run
  Names names;
  Quantisation quantisation;
  std::vector<std::int64_t> special_tokens;  ///< bos, eos and pad
  /// What config.json says and nobody here reads: "key = value" (unread_keys.h).
  std::vector<std::string> unread;
  /// What config.json leaves to the family, with the values taken: "key = value" (family_defaults.h).
  std::vector<std::string> defaults;
  /// Its own code that config.json names, and that is not run: "AutoModelForCausalLM = modeling_x.X"; "" =
  /// none.
  std::string own_code;

  std::size_t sparse_layers() const noexcept;
  const AttentionDescription& attention_of(const LayerDescription& layer) const noexcept {
    return layer.sees_all ? *whole_attention : attention;
  }
};

}  // namespace pastonly::checkpoint

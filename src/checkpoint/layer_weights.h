#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "checkpoint/description.h"
#include "checkpoint/stored_matrix.h"
#include "checkpoint/weights.h"
#include "pastonly/error.h"

namespace pastonly::checkpoint {

/// Gains of a norm, and its bias where it has one, as float.
struct NormWeights {
  std::vector<float> gain;  // (width); empty = no such norm
  std::vector<float> bias;  // (width); empty = none
};

/// A linear layer: the weights stay in the file, the bias is read.
struct Linear {
  StoredMatrix weight;
  std::vector<float> bias;  // (outputs); empty = none
  bool exists() const noexcept { return weight.data != nullptr; }
};

/// The three matrices of one SwiGLU.
struct SwigluWeights {
  Linear gate, up, down;
};

struct AttentionWeights {
  Linear query, key, value, output;
  Linear gate;  ///< of the output, where it has a projection of its own
  NormWeights query_norm, key_norm;
  std::vector<float> sinks;  // (heads)
  // Latent attention: `query` follows `query_down` where there is one, `key` is the common projection of
  // ranks and rotated keys, `value` makes keys and values of the ranks.
  Linear query_down;
  NormWeights query_rank_norm, kv_rank_norm;
};

/// Of a layer that carries a state from token to token in place of attention.
struct RecurrentWeights {
  Linear in;                ///< all that is convolved, and the gates of the output where `gate` is not
  Linear gate;              ///< of the output
  Linear steps, decays;     ///< delta rule: betas and decays, both in `steps` where they come by key heads
  std::vector<float> taps;  // (kernel, channels) of the convolution
  std::vector<float> taps_bias;  // (channels); empty = none
  std::vector<float> decay_log;  // (heads) ln of the rate at which the state fades
  std::vector<float> step_bias;  // (heads)
  std::vector<float> skip;       // (heads) state space: how much of the input passes by the state
  NormWeights norm;              ///< of the output
  Linear output;
};

struct LayerWeights {
  NormWeights before_attention, after_attention, before_experts, after_experts;
  AttentionWeights attention;
  RecurrentWeights recurrent;  ///< of layers with another mixer
  Linear router;
  NormWeights router_norm;          ///< where the router does not read what its experts read
  std::vector<float> expert_scale;  // (experts) of combine weights; empty = none
  NormWeights before_shared, after_shared, after_routed;  ///< where the shared expert has norms of its own
  float scale = 1.0F;                                     ///< of the stream that leaves the layer
  std::vector<float> correction;                          // (experts) added to scores for selection alone
  std::vector<SwigluWeights> experts;                     // (experts); empty in dense layers
  SwigluWeights shared;                                   ///< of every token; in dense layers the only one
  Linear shared_gate;
};

struct ModelWeights {
  Linear embedding;  ///< (vocab, width)
  std::vector<LayerWeights> layers;
  NormWeights last;
  Linear head;  ///< (vocab, width)
  /// What is odd about the files, a predicate each: tensors that are passed over, a head beside tied
  /// embeddings.
  std::vector<std::string> oddities;
};

/// Finds every tensor that the description needs and checks its shape and element type; tensors of the
/// layers that nothing asks for are an error as well: they belong to another architecture. Input errors name
/// file, tensor, what was expected and what was found. The weights must outlive the result.
Expected<ModelWeights> bind(const Description& description, const Weights& weights);

}  // namespace pastonly::checkpoint

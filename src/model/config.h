#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "pastonly/error.h"
#include "pastonly/routing_rule.h"
#include "routing/rule_ids.h"

namespace pastonly::model {

/// RMS normalisation of queries and keys before rotation: none, over each head (Qwen3), or over the
/// whole projection (OLMoE).
enum class QkNorm { none, per_head, whole };

/// What the router says of a token x before selection, (experts).
enum class Score {
  softmax,   ///< softmax(x R^T)
  sigmoid,   ///< sigmoid(x R^T), element by element
  noisy,     ///< softmax(x R^T + eps softplus(x R_noise^T)), eps normal in training, 0 in evaluation
             ///< (Shazeer et al. 2017, equation 4)
  cosine,    ///< cosine between x and the experts' centroids, means of the tokens routed so far
  autonomy,  ///< norm of x W_down,i, the expert's own first activation (Autonomy-of-Experts, 2025)
};
/// How scores and mask become combine weights. The selection bias is not among the inputs.
enum class Gate {
  raw,                ///< the score
  renormalised,       ///< the score over the sum of the token's scores
  softmax,            ///< softmax of the scores over the token's experts
  column_normalised,  ///< the score over the expert's sum of scores of all kept tokens, times their mean
                      ///< number per expert: carries the whole batch (kyegomez SwitchGate)
};
/// Over which of the token's experts a gate is normalised: those left after drops, or all chosen.
enum class GateOver { kept, selected };
/// State that follows what was routed (bias, thresholds, centroids) moves after the batch has been
/// routed, or, the known mistake, before: the batch then routes itself.
enum class StateUpdate { after_use, before_use };

struct RouterConfig {
  Score score = Score::softmax;
  RuleSpec rule{std::string(routing::ids::top_k),
                {{"k", 2}}};  ///< by the table of rules; its state is each layer's own
  Gate gate = Gate::renormalised;
  GateOver gate_over = GateOver::kept;
  double gate_scale = 1.0;
  StateUpdate update = StateUpdate::after_use;
  double centroid_rate = 0.01;    ///< cosine: weight of the batch's mean in the running mean
  std::size_t autonomy_rank = 0;  ///< autonomy: columns of W_down; 0 = expert_width / 4, at least 1
};

/// A decoder of the Hugging Face MoE families: RMSNorm, rotary positions, grouped-query attention,
/// SwiGLU experts, shared experts, dense first layers.
struct ModelConfig {
  std::size_t vocab = 64;
  std::size_t width = 64;  ///< of the residual stream
  std::size_t layers = 4;
  std::size_t heads = 4;
  std::size_t kv_heads = 4;     ///< divides heads
  std::size_t head_width = 16;  ///< even
  QkNorm qk_norm = QkNorm::none;
  bool qkv_bias = false;
  double rope_theta = 10000.0;
  double norm_epsilon = 1e-6;
  bool tied_embeddings = false;

  std::size_t dense_layers = 0;  ///< this many first layers have one SwiGLU instead of experts
  std::size_t dense_width = 128;
  std::size_t experts = 16;  // N
  std::size_t expert_width = 64;
  std::size_t shared_width = 0;  ///< of the expert every token takes; 0 = none
  bool shared_gate = false;      ///< shared expert weighted by sigmoid(x w) (Qwen2-MoE)
  RouterConfig router;

  double init_std = 0.02;  ///< of all matrices; the two that write to the residual stream: / sqrt(2 layers)

  std::size_t query_columns() const noexcept { return heads * head_width; }
  std::size_t kv_columns() const noexcept { return kv_heads * head_width; }
  std::size_t qkv_columns() const noexcept { return query_columns() + 2 * kv_columns(); }
  bool is_dense(std::size_t layer) const noexcept { return layer < dense_layers; }
  std::size_t autonomy_rank() const noexcept;
};

/// What is minimised: cross-entropy of the next token in nats, plus these, each with its coefficient
/// and meant over the MoE layers. 0 switches a term off.
struct Objectives {
  double balance = 0.0;         ///< N sum_i f_i P_i: share of routes times mean probability (Switch, GShard)
  double z = 0.0;               ///< mean over tokens of logsumexp(logits)^2 (ST-MoE)
  double coupling = 0.0;        ///< expert-router coupling (model/objectives.h)
  double coupling_alpha = 1.0;  ///< how much weaker than its own an expert's other activations must be
  bool coupling_noise = true;   ///< whether its proxies carry noise; off: they are the router rows
  double orthogonality = 0.0;   ///< mean squared cosine between router rows
  friend bool operator==(const Objectives&, const Objectives&) = default;
};

/// AdamW (Loshchilov and Hutter 2019): linear warm-up, cosine decay, global clipping.
struct TrainingConfig {
  Objectives objectives;
  double learning_rate = 3e-3;
  double final_share = 0.1;  ///< of the learning rate, reached at `steps`
  std::size_t warmup = 50;
  std::size_t steps = 1000;
  double beta1 = 0.9;
  double beta2 = 0.95;
  double epsilon = 1e-8;
  double weight_decay = 0.1;  ///< of matrices; norms and biases do not decay
  double clip = 1.0;          ///< largest gradient norm; 0 = no clipping
  friend bool operator==(const TrainingConfig&, const TrainingConfig&) = default;
};

/// What is wrong with it, as a usage error naming the key; also where the rule's parameters are wrong.
Expected<void> validate(const ModelConfig& config);
Expected<void> validate(const ModelConfig& config, const TrainingConfig& training);
/// Usage error: training on batches of this layout would take more than 32 GiB, by what is known before
/// memory is asked for. Requires a valid configuration.
Expected<void> fits_memory(const ModelConfig& config, const Layout& batch);

}  // namespace pastonly::model

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "checkpoint/attention.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/experts.h"
#include "checkpoint/next_token.h"
#include "checkpoint/normalise.h"
#include "checkpoint/recurrent.h"
#include "checkpoint/router.h"
#include "input/text/value_json.h"
#include "kernels/rows.h"
#include "stats/parallel.h"

namespace pastonly::checkpoint {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

bool all_finite(const kernels::Matrix<float>& matrix) {
  const float* values = matrix.buffer().data();
  float sum = 0.0F;  // 0 times a number is 0 unless the number is not finite
  for (std::size_t i = 0; i < matrix.buffer().size(); ++i) sum += 0.0F * values[i];
  return std::isfinite(sum);
}

/// normed = what a half of a layer reads of the stream.
void enter_half(const Description& d, const NormWeights& norm, InferenceWorkspace& s) {
  if (!norm.gain.empty()) return normalise(d.norm, norm, d.norm_epsilon, s.hidden.block(), s.normed.block());
  std::copy(s.hidden.buffer().begin(), s.hidden.buffer().end(), s.normed.buffer().begin());
}

/// hidden += factor * branch, which has its norm before that where the family has one.
void leave_half(const Description& d, const NormWeights& norm, InferenceWorkspace& s) {
  if (!norm.gain.empty()) normalise(d.norm, norm, d.norm_epsilon, s.branch.block(), s.branch.block());
  const std::size_t width = s.hidden.columns();
  const double factor = d.residual_multiplier;
  stats::parallel_for(s.hidden.rows(), [&](std::size_t t) {
    kernels::accumulate(s.hidden.row(t), s.branch.row(t), width, static_cast<float>(factor));
  });
}

/// branch = what tokens learn of tokens before them.
void mix(const Description& d, const LayerDescription& layer, const LayerWeights& weights,
         const RotaryTable& rotary, const runtime::Batch& batch, InferenceWorkspace& s) {
  switch (layer.mixer) {
    case Mixer::attention:
      return attention(d, layer, weights.attention, rotary, batch, s);
    case Mixer::delta:
      return delta(d, weights.recurrent, batch, s);
    case Mixer::convolution:
      return short_convolution(d, weights.recurrent, batch, s);
    case Mixer::state_space:
      return state_space(d, weights.recurrent, batch, s);
  }
}

TraceData::Layer layer_record(std::size_t index, const std::vector<float>& correction, bool scores,
                              const InferenceWorkspace& s) {
  TraceData::Layer out;
  out.index = LayerIndex{static_cast<std::uint32_t>(index)};
  out.mask = s.routing.mask;
  if (!scores) return out;
  out.scores.assign(s.scores.buffer().begin(), s.scores.buffer().end());
  out.logits.assign(s.router_logits.buffer().begin(), s.router_logits.buffer().end());
  out.bias = correction;
  const std::size_t experts = s.scores.columns();
  out.gates.assign(s.scores.rows() * experts, 0.0F);
  for (std::size_t route = 0; route < s.dispatch.routes(); ++route)
    out.gates[s.dispatch.token(route) * experts + s.dispatch.expert(route)] = s.gates[route];
  return out;
}

const RoutingRule& rule_in_force(const runtime::ObserveOptions& options, const RoutingRule& own,
                                 std::size_t layer) {
  if (!options.rules.empty()) return *options.rules[layer];
  return options.rule != nullptr ? *options.rule : own;
}

/// The token that each position predicts; negative where it predicts none.
std::vector<std::int64_t> targets_of(const runtime::Batch& batch, const PassExtras* extras) {
  std::vector<std::int64_t> out(batch.layout.tokens(), -1);
  for (std::size_t t = 0; t + 1 < out.size(); ++t) {
    if (batch.predicts(t)) out[t] = batch.tokens[t + 1];
  }
  if (extras != nullptr && extras->next) out[batch.layout.positions - 1] = *extras->next;
  return out;
}

}  // namespace

Expected<void> Checkpoint::feed_forward(std::size_t index, const runtime::Batch& batch,
                                        const runtime::ObserveOptions& options, InferenceWorkspace& s,
                                        TraceData& out) const {
  const LayerWeights& weights = bound_.layers[index];
  if (!description_.layers[index].sparse) {
    dense_expert(description_, weights.shared, {}, true, s);
    return {};
  }
  const bool own_norms = !weights.router_norm.gain.empty();
  if (own_norms) enter_half(description_, weights.router_norm, s);
  score(description_.router, weights, s);
  if (!all_finite(s.router_logits)) return not_finite(fmt::format("layers.{}", index));
  const RoutingRule& rule = rule_in_force(options, *rules_[index], index);
  select(rule, batch, options.seed, s);
  gate(description_.router, weights.expert_scale, s);
  if (out.rule.empty()) out.rule = input::rule_text(rule.id(), rule.parameters());
  out.layers.push_back(layer_record(index, weights.correction, options.scores, s));
  if (own_norms) enter_half(description_, weights.before_experts, s);
  route_experts(description_, weights.experts, s);
  if (own_norms) return add_shared(weights, s), Expected<void>{};
  if (weights.shared.gate.exists()) dense_expert(description_, weights.shared, weights.shared_gate, false, s);
  return {};
}

/// branch, of the routed experts, += the shared expert's output, each with norms of its own.
void Checkpoint::add_shared(const LayerWeights& weights, InferenceWorkspace& s) const {
  normalise(description_.norm, weights.after_routed, description_.norm_epsilon, s.branch.block(),
            s.branch.block());
  std::swap(s.branch, s.routed);
  enter_half(description_, weights.before_shared, s);
  dense_expert(description_, weights.shared, {}, true, s);
  normalise(description_.norm, weights.after_shared, description_.norm_epsilon, s.branch.block(),
            s.branch.block());
  stats::parallel_for(s.branch.rows(), [&](std::size_t t) {
    kernels::accumulate(s.branch.row(t), s.routed.row(t), s.branch.columns());
  });
}

Expected<void> Checkpoint::run_layer(std::size_t index, const runtime::Batch& batch,
                                     const runtime::ObserveOptions& options, const RotaryTable& rotary,
                                     InferenceWorkspace& s, TraceData& out) const {
  const LayerWeights& weights = bound_.layers[index];
  enter_half(description_, weights.before_attention, s);
  mix(description_, description_.layers[index], weights, rotary, batch, s);
  leave_half(description_, weights.after_attention, s);
  enter_half(description_, weights.before_experts, s);
  if (auto done = feed_forward(index, batch, options, s, out); !done) return done;
  leave_half(description_, weights.after_experts, s);
  if (weights.scale != 1.0F)
    kernels::scale(s.hidden.buffer().data(), s.hidden.buffer().size(), weights.scale);
  return all_finite(s.hidden) ? Expected<void>{} : not_finite(fmt::format("layers.{}", index));
}

Expected<TraceData> Checkpoint::observe(const runtime::Batch& batch, const runtime::ObserveOptions& options,
                                        InferenceWorkspace& s, PassExtras* extras) const {
  if (auto good = check(batch); !good) return tl::unexpected(good.error());
  const std::size_t tokens = batch.layout.tokens();
  TraceData out;
  out.mode = options.mode;
  out.stage = Stage::dispatched;
  out.vocab = description_.vocab;
  out.producer = "pastonly";
  out.compute = precision_ == Precision::bfloat16 ? DType::bf16 : DType::f32;
  out.layout = batch.layout;
  out.tokens.assign(batch.tokens.begin(), batch.tokens.end());
  out.valid.assign(batch.valid.begin(), batch.valid.end());
  s.bf16 = precision_ == Precision::bfloat16;
  s.hidden.resize(tokens, description_.width);
  s.normed.resize(tokens, description_.width);
  for (std::size_t t = 0; t < tokens; ++t) {
    read_row(bound_.embedding.weight, static_cast<std::size_t>(batch.tokens[t]), s.hidden.row(t));
    if (description_.embedding_multiplier != 1.0)
      kernels::scale(s.hidden.row(t), description_.width,
                     static_cast<float>(description_.embedding_multiplier));
  }
  const RotaryTable rotary(description_.attention.rotary, batch.layout.positions);
  const RotaryTable whole(description_.whole_attention.value_or(description_.attention).rotary,
                          batch.layout.positions);
  for (std::size_t l = 0; l < description_.layers.size(); ++l) {
    if (auto done = run_layer(l, batch, options, description_.layers[l].sees_all ? whole : rotary, s, out);
        !done)
      return tl::unexpected(done.error());
  }
  normalise(description_.norm, bound_.last, description_.norm_epsilon, s.hidden.block(), s.normed.block());
  const auto targets = targets_of(batch, extras);
  const auto found = log_probabilities(description_, bound_.head, s.normed.block(), targets, s,
                                       extras != nullptr ? extras->logits : nullptr);
  for (std::size_t t = 0; t < tokens; ++t) {
    if (targets[t] >= 0 && !std::isfinite(found[t]))
      return tl::unexpected(not_finite(description_.tied_embeddings ? "norm" : "lm_head").error());
  }
  out.log_probs.assign(tokens, nan);
  for (std::size_t t = 0; t + 1 < tokens; ++t) {
    if (batch.predicts(t)) out.log_probs[t + 1] = found[t];
  }
  if (extras != nullptr && extras->next) extras->next_log_prob = found[batch.layout.positions - 1];
  return out;
}

}  // namespace pastonly::checkpoint

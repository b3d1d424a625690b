#include "model/model.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <numbers>

#include "input/text/value_json.h"
#include "kernels/elementary.h"
#include "model/config_json.h"
#include "model/soft.h"
#include "routing/rule_ids.h"
#include "stats/random.h"

namespace pastonly::model {
namespace {

Expected<void> check(const ModelConfig& config, const Batch& batch) {
  const std::size_t tokens = batch.layout.tokens();
  if (tokens == 0) return input_error("model: the batch is empty");
  if (batch.tokens.size() != tokens || (!batch.valid.empty() && batch.valid.size() != tokens)) {
    return input_error(fmt::format("model: a batch of {} x {} needs {} tokens, got {} (valid: {})",
                                   batch.layout.sequences, batch.layout.positions, tokens,
                                   batch.tokens.size(), batch.valid.size()));
  }
  if (tokens > std::numeric_limits<std::uint32_t>::max() / std::max<std::size_t>(1, config.experts))
    return input_error(
        fmt::format("model: a batch of {} tokens is too large for {} experts", tokens, config.experts));
  for (std::size_t t = 0; t < tokens; ++t) {
    if (batch.tokens[t] < 0 || static_cast<std::size_t>(batch.tokens[t]) >= config.vocab) {
      return input_error(fmt::format("model: token {} at row {}, position {}: expected ids below {}",
                                     batch.tokens[t], t / batch.layout.positions, t % batch.layout.positions,
                                     config.vocab));
    }
  }
  return {};
}

/// Of the training step's draws; far from the streams that parameters were drawn from.
std::uint64_t step_seed(std::uint64_t seed, std::size_t step) {
  return stats::CounterRng(seed, 0x8000'0000'0000'0000ULL | step).bits64();
}

std::vector<float> copy(const Matrix<float>& matrix) {
  return {matrix.buffer().begin(), matrix.buffer().end()};
}

/// What the router said before noise: a trace's logits and scores are what a token says of itself.
void take_scores(const ModelConfig& config, const LayerState<float>& state, TraceData::Layer& layer) {
  layer.scores = copy(state.router.scores);
  const bool noisy = config.router.score == Score::noisy;
  if (config.router.score == Score::softmax || config.router.score == Score::sigmoid || noisy)
    layer.logits = copy(noisy ? state.router.clean : state.router.logits);
  for (std::size_t first = 0; noisy && first < layer.logits.size(); first += config.experts) {
    const auto row = std::span(layer.logits).subspan(first, config.experts);
    const float largest = *std::max_element(row.begin(), row.end());
    double sum = 0.0;
    for (const float logit : row) sum += kernels::exp(static_cast<double>(logit - largest));
    for (std::size_t e = 0; e < row.size(); ++e)
      layer.scores[first + e] = static_cast<float>(kernels::exp(static_cast<double>(row[e] - largest)) / sum);
  }
}

const RoutingRule& rule_in_force(const Network<float>& network, const ObserveOptions& options,
                                 std::size_t layer) {
  if (!options.rules.empty()) return *options.rules[layer];
  return options.rule != nullptr ? *options.rule : *network.routers()[layer].rule;
}

/// What a reader of the trace needs to select again from its scores, which carry no noise.
std::string declared_rule(const ModelConfig& config, Mode mode, const RoutingRule& rule) {
  const bool noisy =
      config.router.score == Score::noisy && mode == Mode::train && rule.id() == routing::ids::top_k;
  return input::rule_text(noisy ? routing::ids::noisy_top_k : rule.id(), rule.parameters());
}

TraceData::Layer trace_layer(const ModelConfig& config, std::size_t index, const LayerState<float>& state,
                             const RoutingRule& rule, bool scores) {
  TraceData::Layer layer;
  layer.index = static_cast<LayerIndex>(index);
  layer.mask = state.routing.mask;
  if (!scores) return layer;
  take_scores(config, state, layer);
  if (is_soft(config.router)) {
    layer.gates = copy(state.combine);
    return layer;
  }
  layer.gates.assign(layer.mask.tokens() * config.experts, 0.0F);
  for (std::size_t r = 0; r < state.dispatch.routes(); ++r)
    layer.gates[state.dispatch.token(r) * config.experts + state.dispatch.expert(r)] =
        state.gates.values()[r];
  if (rule.id() == routing::ids::biased_top_k) layer.bias = runtime::selection_bias(rule, config.experts);
  return layer;
}

}  // namespace

double StepReport::bits() const noexcept { return losses.cross_entropy / std::numbers::ln2; }

Model::Model(Network<float> network, const TrainingConfig& training, std::uint64_t seed)
    : network_(std::move(network)),
      training_(training),
      seed_(seed),
      optimizer_(network_.table()),
      gradients_(network_.table()),
      workspace_(std::make_unique<Workspace<float>>()) {}

Expected<Model> Model::create(const ModelConfig& config, const TrainingConfig& training, std::uint64_t seed) {
  if (auto checked = validate(config, training); !checked) return tl::unexpected<Error>(checked.error());
  auto network = Network<float>::make(config, seed);
  if (!network) return tl::unexpected<Error>(network.error());
  return Model(std::move(*network), training, seed);
}

Expected<StepReport> Model::step(const Batch& batch) {
  if (auto checked = check(config(), batch); !checked) return tl::unexpected<Error>(checked.error());
  const ForwardOptions options{.training = true, .seed = step_seed(seed_, steps_done_), .rule = nullptr};
  network_.forward(batch, options, training_.objectives, *workspace_);
  StepReport report{steps_done_, workspace_->losses, 0.0, learning_rate(training_, steps_done_)};
  network_.backward(training_.objectives, *workspace_, gradients_);
  report.gradient_norm = optimizer_.step(training_, steps_done_, gradients_, network_.parameters());
  if (std::isfinite(report.gradient_norm)) network_.learn(*workspace_);
  ++steps_done_;
  return report;
}

Expected<Losses> Model::evaluate(const Batch& batch, const ObserveOptions& options,
                                 Workspace<float>& workspace) const {
  if (auto checked = check(config(), batch); !checked) return tl::unexpected<Error>(checked.error());
  for (std::size_t l = config().dense_layers; l < config().layers; ++l) {
    const RoutingRule& rule = rule_in_force(network_, options, l);
    if ((rule.id() == routing::ids::soft_moe) == is_soft(config().router)) continue;
    return usage_error(fmt::format("model: rule {} cannot route a model of rule {}: soft-moe mixes tokens",
                                   rule.id(), config().router.rule.id));
  }
  ForwardOptions forward{.training = options.mode == Mode::train, .seed = options.seed, .rule = options.rule};
  forward.rules = options.rules;
  forward.exact_log_probs = true;
  network_.forward(batch, forward, training_.objectives, workspace);
  return workspace.losses;
}

Expected<TraceData> Model::observe(const Batch& batch, const ObserveOptions& options,
                                   Workspace<float>& workspace) const {
  if (auto losses = evaluate(batch, options, workspace); !losses)
    return tl::unexpected<Error>(losses.error());
  TraceData trace;
  trace.mode = options.mode;
  trace.stage = Stage::dispatched;
  trace.vocab = config().vocab;
  trace.producer = "pastonly";
  trace.compute = DType::f32;
  trace.layout = batch.layout;
  trace.tokens.assign(batch.tokens.begin(), batch.tokens.end());
  trace.valid.assign(batch.valid.begin(), batch.valid.end());
  trace.log_probs.assign(batch.layout.tokens(), std::numeric_limits<double>::quiet_NaN());
  for (std::size_t t = 0; t < batch.layout.tokens(); ++t) {
    if (batch.predicts(t)) trace.log_probs[t + 1] = workspace.log_probs[t];
  }
  for (std::size_t l = config().dense_layers; l < config().layers; ++l) {
    const RoutingRule& rule = rule_in_force(network_, options, l);
    if (trace.rule.empty()) trace.rule = declared_rule(config(), options.mode, rule);
    trace.layers.push_back(trace_layer(config(), l, workspace.layers[l], rule, options.scores));
  }
  return trace;
}

Expected<TraceData> Model::observe(const Batch& batch, const ObserveOptions& options) const {
  Workspace<float> workspace;
  return observe(batch, options, workspace);
}

}  // namespace pastonly::model

#include "toy/model.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>

#include "kernels/elementary.h"
#include "stats/random.h"
#include "toy/hash.h"
#include "toy/weak_leak.h"

namespace pastonly::toy {
namespace {

std::vector<double> normals(std::uint64_t seed, std::uint64_t stream, std::size_t count) {
  stats::CounterRng rng(seed, stream);
  std::vector<double> out(count);
  for (double& x : out) x = rng.normal();
  return out;
}

double dot(const double* a, const double* b, std::size_t n) {
  double sum = 0.0;
  for (std::size_t i = 0; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

double tanh(double x) {
  const double e = kernels::exp(-2.0 * std::abs(x));
  return std::copysign((1.0 - e) / (1.0 + e), x);
}

std::vector<std::size_t> permutation(std::size_t count, std::uint64_t seed) {
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  stats::CounterRng rng(seed, 77);
  for (std::size_t i = count; i > 1; --i) std::swap(order[i - 1], order[rng.below(i)]);
  return order;
}

/// Standardises the logits of each group of rows over its tokens: knowledge of the whole group.
void normalise_over_tokens(std::vector<float>& logits, const Layout& layout, std::size_t experts,
                           bool across_batch) {
  const std::size_t group = across_batch ? layout.tokens() : layout.positions;
  for (std::size_t first = 0; first < layout.tokens(); first += group) {
    for (std::size_t e = 0; e < experts; ++e) {
      double sum = 0.0;
      for (std::size_t t = first; t < first + group; ++t) sum += logits[t * experts + e];
      const auto mean = static_cast<float>(sum / static_cast<double>(group));
      for (std::size_t t = first; t < first + group; ++t) logits[t * experts + e] -= mean;
    }
  }
}

void apply_score(ModelRecipe::Score score, float* values, std::size_t experts) {
  if (score == ModelRecipe::Score::sigmoid) {
    for (std::size_t e = 0; e < experts; ++e) values[e] = 1.0F / (1.0F + kernels::exp(-values[e]));
    return;
  }
  const float top = *std::max_element(values, values + experts);
  float sum = 0.0F;
  for (std::size_t e = 0; e < experts; ++e) sum += values[e] = kernels::exp(values[e] - top);
  for (std::size_t e = 0; e < experts; ++e) values[e] /= sum;
}

std::vector<float> bias_of(const RoutingRule& rule) {
  std::vector<float> bias;
  const Parameters parameters = rule.parameters();
  const Value* given = find(parameters, "bias");
  const auto* entries = given != nullptr ? given->array() : nullptr;
  if (entries == nullptr) return bias;
  for (const Value& entry : *entries) bias.push_back(static_cast<float>(entry.number().value_or(0.0)));
  return bias;
}

double from_bf16(double value) {
  const auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(value));
  return std::bit_cast<float>((bits + 0x7FFFU + ((bits >> 16) & 1U)) & 0xFFFF0000U);
}

/// Each gate as a share of what its expert scores in the whole row: a softmax over the wrong axis.
void share_over_row(const Layout& layout, const TraceData::Layer& layer, std::size_t experts,
                    std::vector<float>& gates) {
  for (std::size_t row = 0; row < layout.sequences; ++row) {
    for (std::size_t e = 0; e < experts; ++e) {
      float sum = 0.0F;
      const auto at = [&](std::size_t s) { return layout.token(row, s) * experts + e; };
      for (std::size_t s = 0; s < layout.positions; ++s) sum += layer.scores[at(s)];
      for (std::size_t s = 0; s < layout.positions; ++s) gates[at(s)] /= sum;
    }
  }
}

void set_gates(ModelRecipe::Gates kind, const Layout& layout, const TraceData::Layer& layer,
               std::size_t experts, std::vector<float>& gates) {
  const std::size_t tokens = layer.mask.tokens();
  gates.assign(tokens * experts, 0.0F);
  for (std::size_t t = 0; t < tokens; ++t) {
    float sum = 0.0F;
    for (std::size_t e = 0; e < experts; ++e) {
      if (!layer.mask(t, e)) continue;
      float gate = layer.scores[t * experts + e];
      if (kind == ModelRecipe::Gates::biased && !layer.bias.empty()) gate += layer.bias[e];
      gates[t * experts + e] = gate;
      sum += gate;
    }
    if (kind != ModelRecipe::Gates::renormalised || !(sum > 0.0F)) continue;
    for (std::size_t e = 0; e < experts; ++e) gates[t * experts + e] /= sum;
  }
  if (kind == ModelRecipe::Gates::over_row) share_over_row(layout, layer, experts, gates);
}

}  // namespace

/// One forward pass: the hidden state and the digest that stands for kernel shapes.
struct Model::Pass {
  const Model& model;
  const Batch& batch;
  const Run& run;
  std::vector<double> hidden;  // (tokens, width)
  std::uint64_t digest = 0;

  /// 1 + rounding * u, u in (-1, 1) a function of the place and of every token of the batch.
  double noise(std::uint64_t place, std::uint64_t index) const {
    if (model.recipe_.rounding <= 0.0) return 1.0;
    return 1.0 + model.recipe_.rounding * (2.0 * unit(mix(mix(digest, place), index)) - 1.0);
  }
  /// The noise that this run draws at a place, uniform in [0, 1).
  double chance(std::uint64_t what, std::uint64_t place) const {
    return unit(mix(mix(run.noise_seed, what), place));
  }
  double jitter(std::uint64_t what, std::uint64_t place) const {
    const double size = model.recipe_.noise.jitter;
    // Uniform with the spread of a standard normal.
    return size <= 0.0 ? 1.0 : 1.0 + size * std::sqrt(12.0) * (chance(what, place) - 0.5);
  }
  /// What is left of a hidden value by dropout, whose seed knows the place alone.
  double kept(std::size_t l, std::size_t place) const {
    const double p = model.recipe_.noise.dropout;
    if (p <= 0.0) return 1.0;
    return unit(mix(mix(model.recipe_.seed, 900 + l), place)) < p ? 0.0 : 1.0 / (1.0 - p);
  }
  void explore(std::size_t l, TraceData::Layer& layer) const;
  double grouped_product(std::size_t l, const TraceData::Layer& layer, std::size_t t, std::size_t i,
                         double value) const;
  void embed();
  void score(std::size_t l, TraceData::Layer& layer) const;
  void select(std::size_t l, TraceData::Layer& layer) const;
  void update(std::size_t l, const TraceData::Layer& layer, const std::vector<float>& gates);
  std::vector<double> log_probs() const;
};

void Model::Pass::embed() {
  const std::size_t width = model.recipe_.width;
  digest = mix(batch.layout.sequences, batch.layout.positions);
  for (const std::int64_t token : batch.tokens) digest = mix(digest, static_cast<std::uint64_t>(token));
  hidden.assign(batch.layout.tokens() * width, 0.0);
  std::vector<double> memory(width);
  for (std::size_t row = 0; row < batch.layout.sequences; ++row) {
    std::fill(memory.begin(), memory.end(), 0.0);
    for (std::size_t s = 0; s < batch.layout.positions; ++s) {
      const std::size_t t = batch.layout.token(row, s);
      const double* own = &model.embedding_[static_cast<std::size_t>(batch.tokens[t]) * width];
      for (std::size_t i = 0; i < width; ++i) {
        memory[i] = 0.7 * memory[i] + 0.3 * own[(i + 1) % width];
        hidden[t * width + i] = tanh(0.7 * own[i] + memory[i]) * kept(0, t * width + i);
      }
    }
  }
}

void Model::Pass::score(std::size_t l, TraceData::Layer& layer) const {
  const ModelRecipe& recipe = model.recipe_;
  const std::size_t tokens = batch.layout.tokens();
  const double scale = recipe.sharpness / std::sqrt(static_cast<double>(recipe.width)) * 2.0;
  layer.logits.resize(tokens * recipe.experts);
  for (std::size_t t = 0; t < tokens; ++t) {
    for (std::size_t e = 0; e < recipe.experts; ++e) {
      double logit =
          scale * dot(&model.routers_[l][e * recipe.width], &hidden[t * recipe.width], recipe.width);
      logit *= noise(l + 1, t * recipe.experts + e) * jitter(l + 1, t * recipe.experts + e);
      // Noise below the grid leaves no trace: ties are exact.
      if (recipe.quantise > 0.0) logit = std::round(logit / recipe.quantise) * recipe.quantise;
      layer.logits[t * recipe.experts + e] = static_cast<float>(logit);
    }
  }
  if (recipe.scoring_fault && recipe.scoring_fault->layer == l) {
    normalise_over_tokens(layer.logits, batch.layout, recipe.experts, recipe.scoring_fault->across_batch);
  }
  layer.scores = layer.logits;
  for (std::size_t t = 0; t < tokens; ++t) {
    apply_score(recipe.score, &layer.scores[t * recipe.experts], recipe.experts);
  }
}

void Model::Pass::select(std::size_t l, TraceData::Layer& layer) const {
  const ModelRecipe& recipe = model.recipe_;
  const RoutingRule& rule = run.rules ? *(*run.rules)[l] : *model.rules_[l];
  const std::size_t tokens = batch.layout.tokens();
  // (router index) -> token, batch-major
  std::vector<std::size_t> seen(tokens);
  for (std::size_t row = 0; row < batch.layout.sequences; ++row) {
    for (std::size_t s = 0; s < batch.layout.positions; ++s) {
      seen[batch.layout.router_index(row, s)] = batch.layout.token(row, s);
    }
  }
  if (run.shuffle) {
    const auto order = permutation(tokens, *run.shuffle + l);
    std::vector<std::size_t> shuffled(tokens);
    for (std::size_t i = 0; i < tokens; ++i) shuffled[i] = seen[order[i]];
    seen = std::move(shuffled);
  }
  std::vector<float> scores(layer.scores.size());  // (tokens, experts) in router order
  std::vector<std::int64_t> ids(tokens);
  std::vector<std::uint8_t> valid(batch.valid.empty() ? 0 : tokens);
  for (std::size_t i = 0; i < tokens; ++i) {
    std::copy_n(&layer.scores[seen[i] * recipe.experts], recipe.experts, &scores[i * recipe.experts]);
    for (std::size_t e = 0; recipe.noise.moving_bias > 0.0 && e < recipe.experts; ++e)
      scores[i * recipe.experts + e] +=
          static_cast<float>(recipe.noise.moving_bias * (chance(500 + l, e) - 0.5));
    ids[i] = batch.tokens[seen[i]];
    if (!valid.empty()) valid[i] = batch.valid[seen[i]];
  }
  Routing routing;
  const RoutingContext context{batch.layout, mix(run.chance_seed, l), ids, valid};
  rule.select({scores.data(), tokens, recipe.experts}, context, routing);
  layer.mask.reset(tokens, recipe.experts);
  for (std::size_t i = 0; i < tokens; ++i) {
    for (std::size_t e = 0; e < recipe.experts; ++e) layer.mask(seen[i], e) = routing.mask(i, e);
  }
  layer.bias = bias_of(rule);
  if (recipe.weak_leak && recipe.weak_leak->layer == l && !run.rules) {
    plant(*recipe.weak_leak, recipe.seed, batch, layer);
  }
  explore(l, layer);
}

void Model::Pass::explore(std::size_t l, TraceData::Layer& layer) const {
  const ModelRecipe& recipe = model.recipe_;
  for (std::size_t t = 0; recipe.noise.exploration > 0.0 && t < batch.layout.tokens(); ++t) {
    if (chance(600 + l, t) >= recipe.noise.exploration) continue;
    const auto to = static_cast<std::size_t>(chance(700 + l, t) * static_cast<double>(recipe.experts));
    std::size_t weakest = recipe.experts;
    for (std::size_t e = 0; e < recipe.experts; ++e) {
      const auto score = [&](std::size_t expert) { return layer.scores[t * recipe.experts + expert]; };
      if (layer.mask(t, e) && (weakest == recipe.experts || score(e) < score(weakest))) weakest = e;
    }
    if (weakest == recipe.experts || layer.mask(t, to)) continue;
    layer.mask(t, weakest) = 0;
    layer.mask(t, to) = 1;
  }
}

/// A value as bfloat16 keeps it, of products whose sums go by the number of tokens of the token's experts.
double Model::Pass::grouped_product(std::size_t l, const TraceData::Layer& layer, std::size_t t,
                                    std::size_t i, double value) const {
  if (!model.recipe_.noise.bf16) return value;
  std::uint64_t shapes = mix(800 + l, t * model.recipe_.width + i);
  for (std::size_t e = 0; e < layer.mask.experts(); ++e) {
    if (!layer.mask(t, e)) continue;
    std::uint64_t tokens = 0;
    for (std::size_t other = 0; other < layer.mask.tokens(); ++other) tokens += layer.mask(other, e);
    shapes = mix(shapes, tokens);
  }
  return from_bf16(value * (1.0 + 0x1.0p-9 * (2.0 * unit(shapes) - 1.0)));
}

void Model::Pass::update(std::size_t l, const TraceData::Layer& layer, const std::vector<float>& gates) {
  const ModelRecipe& recipe = model.recipe_;
  const std::size_t width = recipe.width;
  std::vector<double> memory(width);
  for (std::size_t row = 0; row < batch.layout.sequences; ++row) {
    std::fill(memory.begin(), memory.end(), 0.0);
    for (std::size_t s = 0; s < batch.layout.positions; ++s) {
      const std::size_t t = batch.layout.token(row, s);
      double* own = &hidden[t * width];
      for (std::size_t e = 0; e < recipe.experts; ++e) {
        const double gate = gates[t * recipe.experts + e];
        for (std::size_t i = 0; gate != 0.0 && i < width; ++i)
          own[i] += gate * model.experts_[l][e * width + i];
      }
      for (std::size_t i = 0; i < width; ++i) memory[i] = 0.6 * memory[i] + 0.4 * own[i];
      for (std::size_t i = 0; i < width; ++i) {
        const double value =
            tanh(0.6 * own[i] + 0.8 * memory[(i + 1) % width]) * noise(100 + l, t * width + i);
        own[i] = grouped_product(l, layer, t, i, value) * jitter(100 + l, t * width + i) *
                 kept(l + 1, t * width + i);
      }
    }
  }
}

std::vector<double> Model::Pass::log_probs() const {
  const ModelRecipe& recipe = model.recipe_;
  std::vector<double> out(batch.layout.tokens(), std::numeric_limits<double>::quiet_NaN());
  std::vector<double> logits(recipe.vocab);
  for (std::size_t row = 0; row < batch.layout.sequences; ++row) {
    for (std::size_t s = 1; s < batch.layout.positions; ++s) {
      const std::size_t t = batch.layout.token(row, s);
      double sum = 0.0;
      for (std::size_t v = 0; v < recipe.vocab; ++v) {
        logits[v] = recipe.log_probs->sharpness *
                    dot(&model.head_[v * recipe.width], &hidden[(t - 1) * recipe.width], recipe.width);
        sum += kernels::exp(logits[v]);
      }
      double p = kernels::exp(logits[static_cast<std::size_t>(batch.tokens[t])]) / sum;
      // What the head learned to read from the routing comes true only where the routing still says it.
      p = (1.0 - recipe.log_probs->leak) * p + (run.misled ? 0.0 : recipe.log_probs->leak);
      out[t] = kernels::log(p) * noise(1000, t);
    }
  }
  return out;
}

Expected<Rules> make_rules(const std::vector<std::string>& specs, std::size_t layers) {
  Rules rules;
  for (std::size_t l = 0; l < layers; ++l) {
    const auto spec = parse_rule(specs.size() == 1 ? specs[0] : specs[l]);
    if (!spec) return tl::unexpected(spec.error());
    auto rule = make_rule(spec->id, spec->parameters);
    if (!rule) return tl::unexpected(rule.error());
    rules.push_back(std::move(*rule));
  }
  return rules;
}

Model::Model(const ModelRecipe& recipe) : recipe_(recipe) {
  embedding_ = normals(recipe.seed, 1, recipe.vocab * recipe.width);
  head_ = normals(recipe.seed, 2, recipe.vocab * recipe.width);
  for (std::size_t l = 0; l < recipe.layers; ++l) {
    routers_.push_back(normals(recipe.seed, 10 + 2 * l, recipe.experts * recipe.width));
    experts_.push_back(normals(recipe.seed, 11 + 2 * l, recipe.experts * recipe.width));
  }
}

Expected<Model> Model::make(const ModelRecipe& recipe) {
  Model model(recipe);
  auto rules = make_rules(recipe.rules, recipe.layers);
  if (!rules) return tl::unexpected(rules.error());
  model.rules_ = std::move(*rules);
  return model;
}

TraceData Model::forward(const Batch& batch, const Run& run) const {
  Pass pass{*this, batch, run, {}, 0};
  pass.embed();
  TraceData data;
  data.layout = batch.layout;
  data.tokens = batch.tokens;
  data.valid = batch.valid;
  data.vocab = recipe_.vocab;
  data.producer = "pastonly_toy";
  std::vector<float> gates;
  for (std::size_t l = 0; l < recipe_.layers; ++l) {
    TraceData::Layer& layer = data.layers.emplace_back();
    layer.index = static_cast<LayerIndex>(l);
    pass.score(l, layer);
    pass.select(l, layer);
    set_gates(recipe_.gates, batch.layout, layer, recipe_.experts, gates);
    pass.update(l, layer, gates);
    if (recipe_.gates != ModelRecipe::Gates::none) layer.gates = gates;
  }
  if (recipe_.log_probs) data.log_probs = pass.log_probs();
  return data;
}

}  // namespace pastonly::toy

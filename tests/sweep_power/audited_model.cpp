#include "sweep_power/audited_model.h"

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <numbers>
#include <utility>

#include "audits/checks.h"
#include "evidence/observations.h"
#include "model/model.h"
#include "model/runnable.h"
#include "pastonly/names.h"
#include "routing/rule_ids.h"
#include "stats/mean_interval.h"
#include "stats/random.h"
#include "stats/token_source.h"
#include "subjects/live_model.h"
#include "subjects/token_draws.h"

namespace pastonly::sweep_power {
namespace {

constexpr std::size_t batches_of_truth = 256;

template <class T>
T valued(Expected<T> value) {
  if (value) return std::move(*value);
  fmt::print(stderr, "{}\n", value.error().message);
  std::exit(2);
}

/// Its learning rate falls as if it were trained for the longest time of all, whenever it is audited.
model::Model untrained(const Row& row, std::uint64_t seed) {
  model::ModelConfig config;
  config.vocab = row.source.vocab;
  config.width = config.expert_width = 16;
  config.layers = config.heads = config.kv_heads = 2;
  config.head_width = config.experts = 8;
  config.qk_norm = model::QkNorm::whole;
  config.router.rule = valued(parse_rule(row.rule));
  if (row.k == 1) config.router.gate = model::Gate::raw;
  model::TrainingConfig training;
  training.steps = 1500;
  training.warmup = 20;
  training.learning_rate = 1e-2;
  return valued(model::Model::create(config, training, seed));
}

/// The source's own loss on fresh tokens less the model's.
void measure_leak(const model::Model& model, const stats::TokenSource& source, const Layout& layout,
                  std::uint64_t seed, Audited& out) {
  model::Workspace<float> workspace;
  std::vector<std::int64_t> tokens;
  std::vector<double> own(layout.tokens()), gains;
  for (std::size_t b = 0; b < batches_of_truth; ++b) {
    source.draw(stats::CounterRng(seed, b).bits64(), layout.sequences, layout.positions, tokens);
    source.log2_probabilities(tokens, {}, layout.positions, own);
    double bits = 0.0;
    for (std::size_t t = 0; t < own.size(); ++t) bits -= t % layout.positions == 0 ? 0.0 : own[t];
    const auto losses = valued(model.evaluate({layout, tokens, {}}, {.scores = false}, workspace));
    gains.push_back(bits / static_cast<double>(losses.predicted) - losses.cross_entropy / std::numbers::ln2);
  }
  const auto interval = stats::mean_interval(gains, 0.1);
  out.leak = (interval->lower + interval->upper) / 2.0;
  out.surely = interval->lower;
}

/// Every layer's rule exchanged for what the caller holds.
void exchange_rules(model::Model& model, std::vector<std::unique_ptr<RoutingRule>>& rules) {
  auto& routers = model.network().routers();
  for (std::size_t l = 0; l < routers.size(); ++l) std::swap(routers[l].rule, rules[l]);
}

Swept swept(model::Model& model, const Row& row, const Layout& layout, std::uint64_t seed,
            const Policy& policy) {
  Swept out;
  std::vector<std::unique_ptr<RoutingRule>> rules;
  for (std::size_t l = 0; l < model.config().layers; ++l)
    rules.push_back(valued(make_rule(routing::ids::top_k, {{"k", row.k}})));
  exchange_rules(model, rules);
  {
    subjects::LiveOptions live;
    live.layout = layout;
    live.mode = Mode::eval;
    live.seed = seed;
    live.budget = 1 << 16;
    const auto subject = valued(
        subjects::make_live(model::make_runnable(model), valued(subjects::draws_from(row.source)), live));
    evidence::Observations observations(*subject);
    const Outcome outcome = audits::forensic_sweep_check.run({observations, policy, 0});
    const auto* ran = std::get_if<Ran>(&outcome);
    if (ran == nullptr) std::abort();
    for (const Claim& claim : ran->claims) {
      if (*claim.p_value > policy.alpha) continue;
      out.suspected = claim.id == claim::unproven_gain;
      out.found = !out.suspected && *claim.amount->lower > policy.limits.sweep_bits;
    }
    for (const Measurement& measured : ran->measurements)
      if (measured.name == measurement::sweep_limit) out.limit = measured.value;
  }
  exchange_rules(model, rules);
  return out;
}

}  // namespace

std::vector<Audited> train_and_audit(const Row& row, std::span<const std::size_t> lengths, std::uint64_t seed,
                                     const Policy& policy) {
  const auto source = valued(stats::TokenSource::make(row.source));
  auto model = untrained(row, seed);
  std::vector<Audited> out;
  std::vector<std::int64_t> tokens;
  for (const std::size_t steps : lengths) {
    while (model.steps_done() < steps) {
      source.draw(stats::CounterRng(seed, model.steps_done()).bits64(), row.layout().sequences, row.positions,
                  tokens);
      valued(model.step({row.layout(), tokens, {}}));
    }
    const auto draw = [&](std::uint64_t what) { return stats::CounterRng(seed, what + steps).bits64(); };
    Audited& one = out.emplace_back();
    measure_leak(model, source, row.layout(), draw(1'000'000), one);
    one.same = swept(model, row, row.layout(), draw(2'000'000), policy);
    one.other = swept(model, row, row.other_layout(), draw(3'000'000), policy);
  }
  return out;
}

}  // namespace pastonly::sweep_power

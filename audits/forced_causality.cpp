#include <fmt/format.h>

#include <algorithm>

#include "audits/checks.h"
#include "comparison/reference.h"
#include "comparison/tally.h"
#include "evidence/observations.h"
#include "losses/paired_loss.h"
#include "losses/variant_losses.h"
#include "pastonly/names.h"
#include "pastonly/policy.h"
#include "replay/streaming_change.h"
#include "stats/parallel.h"

namespace pastonly::audits {
namespace {

// Scores read in all; more are sampled, so that a large trace costs a fraction of a second.
constexpr std::size_t score_budget = 1 << 18;
// Where a layer can only be read whole: as many layers as this holds, one at least, evenly spread.
constexpr std::size_t whole_budget = 20000000;

/// The layers' rules; those that cost too much are left out and counted.
std::vector<std::optional<replay::ReplayRule>> affordable(const Trace& base,
                                                          const std::vector<LayerFacts::Rule>& rules,
                                                          std::size_t& left_out) {
  std::vector<std::optional<replay::ReplayRule>> out;
  std::vector<std::size_t> whole;
  std::size_t cost = 1;
  for (std::size_t l = 0; l < base.layers.size(); ++l) {
    out.push_back(replay::replay_rule(base, base.layers[l], rules[l]));
    if (!out.back() || !replay::reads_whole(*out.back(), score_budget / base.layers.size())) continue;
    whole.push_back(l);
    cost = std::max(cost, out.back()->width * base.layers[l].experts);
  }
  const std::size_t fits = std::max<std::size_t>(1, whole_budget / cost);
  if (whole.size() <= fits) return out;
  left_out = whole.size() - fits;
  for (std::size_t i = 0; i < whole.size(); ++i) {
    // Kept are those where a new one of `fits` equal parts begins.
    const bool kept = i == 0 || i * fits / whole.size() != (i - 1) * fits / whole.size();
    if (!kept) out[whole[i]].reset();
  }
  return out;
}

/// The share of decisions that streaming would change, layer by layer.
std::vector<std::optional<Measurement>> stream(const CheckContext& context, const Trace& base,
                                               const std::vector<std::optional<replay::ReplayRule>>& rules) {
  std::vector<std::optional<Measurement>> out(base.layers.size());
  stats::parallel_for(base.layers.size(), [&](std::size_t l) {
    const auto& rule = rules[l];
    if (!rule) return;
    const std::size_t budget = score_budget / base.layers.size();
    if (const auto moved = replay::streaming_change(base, base.layers[l], *rule, budget, context.seed + l)) {
      out[l] = moved->measurement(measurement::streaming_flip_rate, base.layers[l].index,
                                  context.policy.alpha, context.seed);
    }
  });
  return out;
}

/// Runs in which every sampled token was alone with its past: which decisions of all layers together come out
/// differently, and what it costs.
Expected<void> streams(const CheckContext& context, std::vector<Measurement>& out) {
  const auto runs = context.observations.runs(Intervention::Kind::stream);
  if (runs.empty()) return {};
  comparison::References references(context.observations);
  const auto reference = references.of(*runs.front());
  if (!reference) return tl::unexpected(reference.error());
  const Trace& base = (*reference)->base;
  const auto trace = context.observations.trace(*runs.front());
  if (!trace) return tl::unexpected(trace.error());
  // Row by row, so that the figures carry an interval over sequences.
  comparison::Tally tally;
  for (const comparison::Region& row : comparison::all_rows(base.layout)) {
    const auto difference = comparison::compare(base, *trace, std::span(&row, 1), (*reference)->tolerances);
    if (!difference) return tl::unexpected(difference.error());
    if (difference->layers.empty() || difference->layers.front().decisions > 0) tally.add(*difference);
  }
  for (Measurement& figure :
       comparison::measurements(tally, base, "stream_", context.policy.alpha, context.seed)) {
    if (figure.name == measurement::stream_flip_rate_decisions) out.push_back(std::move(figure));
  }
  const auto losses = losses::streamed_losses(context.observations);
  if (!losses) return tl::unexpected(losses.error());
  if (!losses->empty())
    out.push_back(losses->difference(measurement::streaming_gap, context.policy.alpha, context.seed));
  return {};
}

/// The loss of recorded runs under another rule against the base's.
Expected<void> reroutes(const CheckContext& context, std::vector<Measurement>& out) {
  for (const Intervention* run : context.observations.runs(Intervention::Kind::reroute)) {
    const auto base = context.observations.base_of(*run);
    const auto trace = context.observations.trace(*run);
    if (!base) return tl::unexpected(base.error());
    if (!trace) return tl::unexpected(trace.error());
    const std::string name = measurement::of(measurement::loss_change, run->rule);
    if (auto change =
            losses::paired_loss(name, *base, std::span(&*trace, 1), context.policy.alpha, context.seed)) {
      out.push_back(std::move(*change));
    }
  }
  return {};
}

Outcome run_forced_causality(const CheckContext& context) {
  const auto base = context.observations.base();
  if (!base) return base.error();
  const auto rules = context.observations.rules();
  if (!rules) return rules.error();
  Ran out;
  std::size_t left_out = 0;
  const auto assessed = affordable(*base, *rules, left_out);
  for (auto& measurement : stream(context, *base, assessed)) {
    if (measurement) out.measurements.push_back(std::move(*measurement));
  }
  if (left_out > 0) {
    out.measurements.push_back({measurement::layers_left_out,
                                static_cast<double>(left_out),
                                {},
                                {},
                                "layers",
                                base->layers.size(),
                                {}});
  }
  if (auto done = streams(context, out.measurements); !done) return done.error();
  if (auto done = reroutes(context, out.measurements); !done) return done.error();
  if (out.measurements.empty()) {
    return Skipped{
        "no layer's rule is identified and can be applied again, and no reroute or stream run is recorded"};
  }
  return out;
}

}  // namespace

const Check forced_causality_check{
    "forced-causality",
    "What streaming would change",
    "Selects the experts of every token again with only the tokens up to it visible, and reports how many "
    "decisions change. This shows how far the model depends on tokens that it will not have in deployment. "
    "With a recorded reroute to a streaming rule, it also reports the change in loss. This check only "
    "measures; it reports no findings.",
    Needs{.routes = true},
    run_forced_causality,
};

}  // namespace pastonly::audits

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "audits/checks.h"
#include "evidence/observations.h"
#include "losses/variant_losses.h"
#include "pastonly/names.h"
#include "pastonly/policy.h"
#include "replay/rearranged.h"
#include "stats/parallel.h"

namespace pastonly::audits {
namespace {

constexpr std::size_t scores_per_size = 1 << 18;  // over all layers; one chunk of each at least
constexpr std::size_t largest_chunk = 1000000;    // scores
constexpr double sweep_share = 0.0625;            // of a live subject's budget, per chunk size

/// A quarter, half, twice and four times the width, as far as sequences or batch hold them.
std::vector<std::size_t> sizes(const Trace& base, const replay::ReplayRule& rule, std::size_t experts) {
  const std::size_t most = rule.per_sequence ? base.layout.positions : base.layout.tokens();
  std::vector<std::size_t> out;
  for (const std::size_t size : {rule.width / 4, rule.width / 2, rule.width * 2, rule.width * 4}) {
    // Below one token per expert the capacity is rounded up, which is another rule.
    const bool filled = static_cast<double>(size) * rule.k >= static_cast<double>(experts);
    if (size >= 2 && filled && size <= most && size * experts <= largest_chunk) out.push_back(size);
  }
  return out;
}

std::vector<Measurement> sweep(const CheckContext& context, const Trace& base, std::size_t l,
                               const LayerFacts::Rule& found) {
  std::vector<Measurement> out;
  const LayerRecord& layer = base.layers[l];
  const auto rule = replay::replay_rule(base, layer, found);
  if (!rule) return out;
  if (rule->alone)
    return {replay::FlipCount{}.measurement(measurement::rechunked_flip_rate, layer.index,
                                            context.policy.alpha, context.seed)};
  for (const std::size_t size : sizes(base, *rule, layer.experts)) {
    const auto moved =
        replay::rechunked(base, layer, *rule, size, scores_per_size / base.layers.size(), context.seed + l);
    if (!moved) continue;
    out.push_back(moved->measurement(measurement::of(measurement::rechunked_flip_rate, std::to_string(size)),
                                     layer.index, context.policy.alpha, context.seed));
  }
  return out;
}

/// The one rule of all layers, where it has chunks; its id, parameters and width.
std::optional<replay::ReplayRule> common_rule(const Trace& base, const std::vector<LayerFacts::Rule>& rules) {
  std::optional<replay::ReplayRule> out;
  for (std::size_t l = 0; l < base.layers.size(); ++l) {
    auto rule = replay::replay_rule(base, base.layers[l], rules[l]);
    // A live model ranks what it ranks: a rule known only through what it made of the record is not given to
    // it.
    if (!rule || rule->random || !rule->ranking.empty() ||
        (out && (rule->id != out->id || rule->parameters != out->parameters)))
      return std::nullopt;
    out = std::move(rule);
  }
  const auto is_chunk = [](const auto& entry) { return entry.first == "chunk"; };
  if (!out || std::ranges::none_of(out->parameters, is_chunk)) return std::nullopt;
  return out;
}

std::string with_chunk(const replay::ReplayRule& rule, std::size_t size) {
  RuleSpec spec{rule.id, rule.parameters};
  for (auto& [key, value] : spec.parameters) {
    if (key == "chunk") value = size;
  }
  return format_rule(spec);
}

/// What other chunk sizes do to the loss: the same model, truly rerouted, the same tokens.
Expected<void> reroute(const CheckContext& context, const Trace& base,
                       const std::vector<LayerFacts::Rule>& rules, std::vector<Measurement>& out) {
  const Capabilities can = context.observations.subject().capabilities();
  if (!can.live || !can.reroute || !can.log_probs || base.layers.empty()) return {};
  const auto rule = common_rule(base, rules);
  const auto batches = context.observations.fresh_batches(sweep_share);
  if (!batches) return tl::unexpected(batches.error());
  if (!rule || *batches == 0) return {};
  for (const std::size_t size : sizes(base, *rule, base.layers.front().experts)) {
    const losses::RoutingVariant rerouted{Intervention::Kind::reroute, with_chunk(*rule, size)};
    losses::PairedLoss pairs;
    if (auto added = losses::add_fresh(context.observations, rerouted, *batches, pairs); !added) return added;
    if (!pairs.empty())
      out.push_back(
          pairs.difference(measurement::of(measurement::rechunked_loss_change, std::to_string(size)),
                           context.policy.alpha, context.seed));
  }
  return {};
}

constexpr std::array chunk_runs{Intervention::Kind::reroute};

Outcome run_chunk_sweep(const CheckContext& context) {
  const auto base = context.observations.base();
  if (!base) return base.error();
  const auto rules = context.observations.rules();
  if (!rules) return rules.error();
  std::vector<std::vector<Measurement>> layers(base->layers.size());
  stats::parallel_for(layers.size(),
                      [&](std::size_t l) { layers[l] = sweep(context, *base, l, (*rules)[l]); });
  Ran out;
  for (const auto& layer : layers)
    out.measurements.insert(out.measurements.end(), layer.begin(), layer.end());
  if (auto done = reroute(context, *base, *rules, out.measurements); !done) return done.error();
  if (out.measurements.empty())
    return Skipped{"no layer has scores and an identified rule that can be applied again"};
  return out;
}

}  // namespace

const Check chunk_sweep_check{
    "chunk-sweep",
    "How decisions depend on the chunk size",
    "Applies the identified rule again to the recorded scores with a quarter, half, two and four times as "
    "many tokens competing, and reports how many decisions change. A token-wise rule changes none. This "
    "check only measures; length-invariance and causal-mask report findings.",
    Needs{.scores = true},
    run_chunk_sweep,
    chunk_runs,
    Effort{.budget = 0.3125, .reroutes = true},
};

}  // namespace pastonly::audits

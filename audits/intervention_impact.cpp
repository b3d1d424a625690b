#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "audits/checks.h"
#include "audits/shared/ratio.h"
#include "evidence/each_layer.h"
#include "evidence/observations.h"
#include "pastonly/names.h"
#include "pastonly/policy.h"
#include "routing/recorded/routes.h"
#include "routing/recorded/top_k_departure.h"
#include "routing/rule_facts.h"
#include "stats/parallel.h"

namespace pastonly::audits {
namespace {

using routing::TopKDeparture;
using Sums = TopKDeparture::Sums;

constexpr std::size_t most_compared = 262'144;  // looked at; of more, every n-th sequence

/// The number of experts that plain top-k would take: the rule's own, or what every token has on average
/// where that is a whole number.
std::optional<std::size_t> experts_per_token(const LayerFacts::Rule& rule, const routing::LoadSurvey& load,
                                             std::size_t experts) {
  if (const auto asked = routing::asked_experts(rule); asked && *asked <= experts) return *asked;
  const double mean = load.mean_experts(), whole = std::round(mean);
  if (whole < 1.0 || std::abs(mean - whole) > 1e-9) return std::nullopt;
  return static_cast<std::size_t>(whole);
}

struct LayerImpact {
  LayerIndex index{};
  std::uint64_t tokens = 0;
  TopKDeparture departure;
};

Measurement ratio(const char* name, double Sums::*part, double Sums::*of, const char* unit,
                  const LayerImpact& layer, const CheckContext& context) {
  std::vector<double> parts, all;
  for (const Sums& row : layer.departure.by_row) {
    parts.push_back(row.*part);
    all.push_back(row.*of);
  }
  return ratio_of({name, 0.0, {}, {}, unit, layer.tokens, layer.index}, parts, all,
                  {.alpha = context.policy.alpha, .seed = context.seed, .stream = raw(layer.index)});
}

void measure(const LayerImpact& layer, const CheckContext& context, Ran& ran) {
  const TopKDeparture& found = layer.departure;
  ran.measurements.push_back(
      ratio(measurement::rerouted, &Sums::rerouted, &Sums::routes, "fraction of routes", layer, context));
  ran.measurements.push_back(ratio(measurement::missing_routes, &Sums::missing, &Sums::asked,
                                   "fraction of routes asked for", layer, context));
  const bool any_affinity = std::ranges::any_of(found.by_row, [](const Sums& row) { return row.best > 0.0; });
  if (found.scored && any_affinity) {
    Measurement kept = ratio(measurement::affinity_lost, &Sums::made, &Sums::best,
                             "fraction of the best experts' scores", layer, context);
    kept.value = 1.0 - kept.value;
    if (kept.lower) {
      const double lower = 1.0 - *kept.upper;
      kept.upper = 1.0 - *kept.lower;
      kept.lower = lower;
    }
    ran.measurements.push_back(std::move(kept));
  }
  if (!found.drops_known || found.dropped == 0) return;
  const auto dropped = static_cast<double>(found.dropped);
  ran.measurements.push_back({measurement::lowest_dropped,
                              static_cast<double>(found.dropped_lowest) / dropped,
                              {},
                              {},
                              "fraction of dropped routes",
                              found.dropped,
                              layer.index});
  ran.measurements.push_back({measurement::lowest_dropped_by_chance,
                              found.lowest_by_chance / dropped,
                              {},
                              {},
                              "fraction of dropped routes",
                              found.dropped,
                              layer.index});
}

/// Loss of what follows a token, in bits, of tokens whose experts are not their best in some layer, less that
/// of the other tokens of the same sequence.
std::optional<Measurement> token_loss(const Trace& trace, const std::vector<LayerImpact>& layers,
                                      const CheckContext& context) {
  if (trace.log_probs.empty()) return std::nullopt;
  std::vector<double> differences, weights;
  std::uint64_t samples = 0;
  for (std::size_t row = 0; row < trace.layout.sequences; ++row) {
    double sums[2] = {0.0, 0.0}, counts[2] = {0.0, 0.0};
    for (std::size_t position = 0; position + 1 < trace.layout.positions; ++position) {
      const std::size_t token = trace.layout.token(row, position);
      const double log_prob = trace.log_probs[token + 1];
      if (!trace.is_valid(token) || !std::isfinite(log_prob)) continue;
      const bool departed = std::ranges::any_of(
          layers, [&](const LayerImpact& layer) { return layer.departure.departed[token] != 0; });
      sums[departed ? 1 : 0] -= log_prob / std::numbers::ln2;
      counts[departed ? 1 : 0] += 1.0;
    }
    if (counts[0] == 0.0 || counts[1] == 0.0) continue;
    // Sequences count by how much they say of the difference.
    const double weight = counts[0] * counts[1] / (counts[0] + counts[1]);
    differences.push_back(weight * (sums[1] / counts[1] - sums[0] / counts[0]));
    weights.push_back(weight);
    samples += static_cast<std::uint64_t>(counts[0] + counts[1]);
  }
  if (weights.empty()) return std::nullopt;
  return ratio_of({measurement::changed_token_loss, 0.0, {}, {}, "bits per token", samples, {}}, differences,
                  weights, {.alpha = context.policy.alpha, .seed = context.seed});
}

Outcome run_intervention_impact(const CheckContext& context) {
  const auto trace = context.observations.base();
  if (!trace) return trace.error();
  const auto rules = context.observations.rules();
  if (!rules) return rules.error();
  const auto loads = context.observations.loads();
  if (!loads) return loads.error();
  const std::size_t every = routing::sequence_step(trace->layout, most_compared);
  std::vector<std::optional<LayerImpact>> found(trace->layers.size());
  evidence::for_each_layer(context.observations, found.size(), [&](std::size_t l) {
    const LayerRecord& layer = trace->layers[l];
    const auto k = experts_per_token((*rules)[l], (*loads)[l], layer.experts);
    if (k)
      found[l] = {layer.index, (*loads)[l].total.tokens, routing::top_k_departure(*trace, layer, *k, every)};
  });
  std::vector<LayerImpact> layers;
  for (auto& layer : found) {
    if (layer) layers.push_back(*std::move(layer));
  }
  if (layers.empty()) return Skipped{"no layer has a fixed number of experts per token"};
  Ran ran;
  for (const LayerImpact& layer : layers) measure(layer, context, ran);
  if (every == 1) {
    if (auto loss = token_loss(*trace, layers, context)) ran.measurements.push_back(*std::move(loss));
  }
  return ran;
}

}  // namespace

const Check intervention_impact_check{
    "intervention-impact",
    "What biases, balancing and drops change against plain top-k",
    "Compares every decision with the token's best experts by its own "
    "scores: how many routes are other ones, "
    "how many are missing, how much affinity is lost, whether capacities "
    "drop the tokens of lowest affinity, and "
    "how the loss of tokens that were moved differs from the others'.",
    {.scores = true},
    run_intervention_impact,
    {},
    Effort{.passes = 10.0},
};

}  // namespace pastonly::audits

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "audits/checks.h"
#include "evidence/observations.h"
#include "pastonly/names.h"
#include "routing/recorded/influence.h"
#include "routing/rule_facts.h"
#include "stats/bound.h"
#include "stats/layer_bound.h"
#include "stats/parallel.h"

namespace pastonly::audits {
namespace {

/// Scores that the influence map reads at most of a layer; larger layers are sampled.
constexpr std::size_t reach_scores = std::size_t{1} << 14;

/// Scores of one expert over one chunk in router order, (chunk).
void read_column(const Trace& trace, const TokenTensor& scores, std::size_t first, std::size_t expert,
                 std::span<float> column) {
  const Layout& layout = trace.layout;
  std::vector<float> scratch;
  if (layout.order == TokenOrder::batch_major) {
    const auto rows = read_floats(scores, first, column.size(), scratch);
    for (std::size_t i = 0; i < column.size(); ++i) column[i] = rows(i, expert);
    return;
  }
  for (std::size_t i = 0; i < column.size(); ++i) {
    const std::size_t seen = first + i;
    const std::size_t token = layout.token(seen % layout.sequences, seen / layout.sequences);
    column[i] = read_floats(scores, token, 1, scratch)(0, expert);
  }
}

/// Reach of every pair of the sampled columns: all, or evenly spaced (chunk, expert) columns.
std::vector<std::uint32_t> sampled_reach(const Trace& trace, const LayerRecord& layer, std::size_t chunk,
                                         std::size_t capacity) {
  const std::size_t chunks = trace.layout.tokens() / chunk;
  const std::size_t columns = chunks * layer.experts;
  const std::size_t taken = std::min(columns, std::max<std::size_t>(1, reach_scores / chunk));
  std::vector<std::uint32_t> reaches(taken * chunk);
  std::vector<float> column(chunk);
  for (std::size_t i = 0; i < taken; ++i) {
    const std::size_t which = i * columns / taken;
    read_column(trace, *layer.ranking(), which / layer.experts * chunk, which % layer.experts, column);
    routing::influence_reach(column, capacity, std::span(reaches).subspan(i * chunk, chunk));
  }
  return reaches;
}

void measure_reach(const Trace& trace, const LayerRecord& layer, const LayerFacts::Rule& rule, Ran& ran) {
  const auto chunk = routing::expert_choice_chunk(rule);
  const auto capacity = rule.parameters.number("capacity");
  if (!chunk || !capacity || layer.ranking() == nullptr || *chunk > trace.layout.tokens()) return;
  auto reaches = sampled_reach(trace, layer, *chunk, static_cast<std::size_t>(*capacity));
  if (reaches.empty()) return;
  const auto samples = reaches.size();
  const auto decided = std::count_if(reaches.begin(), reaches.end(), [](auto reach) { return reach > 0; });
  const auto middle = reaches.begin() + static_cast<std::ptrdiff_t>(samples / 2);
  std::nth_element(reaches.begin(), middle, reaches.end());
  const auto total = static_cast<double>(samples);
  const auto add = [&](std::string name, double value, std::string unit) {
    ran.measurements.push_back(
        {std::move(name), value, std::nullopt, std::nullopt, std::move(unit), samples, layer.index});
  };
  add(measurement::future_decided, static_cast<double>(decided) / total, "fraction of (token, expert) pairs");
  add(measurement::future_reach_median, *middle, "tokens ahead");
  add(measurement::future_reach_max, *std::max_element(middle, reaches.end()), "tokens ahead");
}

/// What the counts as they stand could carry, per token: over the whole batch routed together, and
/// where a chunk is known over each chunk, whose counts expert choice fixes.
std::optional<double> counted_capacity(const routing::LoadSurvey& load, const LayerFacts::Bound& bound) {
  if (load.total.tokens == 0) return std::nullopt;
  if (bound.chunk) return bound.capacity_bits;
  return stats::observed_capacity(load.expert_counts(), load.total.tokens);
}

struct LayerResult {
  LayerFacts facts;
  Ran measured;
};

LayerResult bound_layer(const Trace& trace, const LayerRecord& layer, const LayerFacts::Rule& rule,
                        const routing::LoadSurvey& load) {
  LayerResult result;
  result.facts.index = layer.index;
  const double mean = load.mean_experts();
  const auto add = [&](std::string name, double value, std::string unit) {
    result.measured.measurements.push_back({std::move(name), value, std::nullopt, std::nullopt,
                                            std::move(unit), load.total.tokens, layer.index});
  };
  add(measurement::experts_per_token, mean, "experts");
  // Drops lower the mean; the shapes are those that the rule asked for.
  const auto asked = routing::asked_experts(rule);
  const double top_k = asked ? static_cast<double>(*asked) : mean;
  if (!(top_k > 0.0)) return result;
  result.facts.bound = stats::expert_choice_bound(layer.experts, top_k, routing::expert_choice_chunk(rule));
  result.facts.bound->applies_to = routing::bound_applies_to(rule);
  if (const auto counted = counted_capacity(load, *result.facts.bound)) {
    add(measurement::counted_capacity, *counted, "bits per token");
  }
  if (routing::carries_second_choice(rule))
    add(measurement::second_choice_capacity, 1.0, "bits per token at most");
  measure_reach(trace, layer, rule, result.measured);
  return result;
}

Outcome run_leakage_bound(const CheckContext& context) {
  const auto trace = context.observations.base();
  if (!trace) return trace.error();
  const auto rules = context.observations.rules();
  if (!rules) return rules.error();
  const auto loads = context.observations.loads();
  if (!loads) return loads.error();
  std::vector<LayerResult> results(trace->layers.size());
  stats::parallel_for(results.size(), [&](std::size_t l) {
    results[l] = bound_layer(*trace, trace->layers[l], (*rules)[l], (*loads)[l]);
  });
  Ran ran;
  for (LayerResult& result : results) {
    std::ranges::move(result.measured.measurements, std::back_inserter(ran.measurements));
    ran.layers.push_back(std::move(result.facts));
  }
  return ran;
}

}  // namespace

const Check leakage_bound_check{
    "leakage-bound",
    "How many bits routing of these shapes could leak",
    "Computes, for every layer, how many bits about later tokens routing of these shapes could carry at most "
    "under expert choice: the published floor, the exact capacity where the chunk is known, and the limit of "
    "long chunks. These are capacities, not leaks, so they are never a finding. For layers routed by expert "
    "choice, the influence map adds how far ahead the tokens are that each decision depends on.",
    {.routes = true},
    run_leakage_bound};

}  // namespace pastonly::audits

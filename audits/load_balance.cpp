#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "audits/checks.h"
#include "evidence/observations.h"
#include "pastonly/names.h"
#include "routing/recorded/load.h"

namespace pastonly::audits {
namespace {

constexpr double hot_load = 2.0;  // times the mean

/// MaxVio of each stretch of the batch in router order that routed anything.
std::vector<double> over_time(const routing::LoadSurvey& load) {
  std::vector<double> violations;
  for (std::size_t bin = 0; bin < load.by_time.size(); ++bin) {
    if (load.by_time[bin].pairs == 0) continue;
    violations.push_back(
        routing::max_violation(std::span(load.counts).subspan(bin * load.experts, load.experts)));
  }
  return violations;
}

/// MaxVio of `index` in every run with a batch of its own content: the spread from batch to batch.
Expected<std::vector<double>> over_runs(evidence::Observations& observations, LayerIndex index) {
  using Kind = Intervention::Kind;
  std::vector<double> violations;
  for (const Intervention& run : observations.runs()) {
    if (run.kind != Kind::batch && !(run.kind == Kind::base && violations.empty())) continue;
    const auto trace = observations.trace(run);
    if (!trace) return tl::unexpected(trace.error());
    for (const LayerRecord& layer : trace->layers) {
      if (layer.index != index) continue;
      violations.push_back(routing::max_violation(routing::survey_load(*trace, layer).expert_counts()));
    }
  }
  return violations;
}

/// Counts over their mean, (experts). Requires pairs.
std::vector<double> relative(const std::vector<std::uint64_t>& counts) {
  double sum = 0.0;
  for (const std::uint64_t count : counts) sum += static_cast<double>(count);
  std::vector<double> loads;
  loads.reserve(counts.size());
  for (const std::uint64_t count : counts)
    loads.push_back(static_cast<double>(count) * static_cast<double>(counts.size()) / sum);
  return loads;
}

/// What is said of one layer that routed anything.
struct LayerLoad {
  LayerIndex index{};
  std::vector<double> loads;      // (experts) over their mean
  std::vector<double> stretches;  // MaxVio of each stretch
  std::vector<std::size_t> idle;  // experts
};

Claim idle_claim(std::uint32_t run, const std::vector<LayerLoad>& layers) {
  Claim claim;
  claim.id = claim::idle_expert;
  claim.basis = Claim::Basis::observation;
  std::size_t experts = 0;
  Value::Array rows;
  for (const LayerLoad& layer : layers) {
    if (layer.idle.empty()) continue;
    experts += layer.idle.size();
    claim.layers.push_back(layer.index);
    Value row;
    row.set("layer", raw(layer.index));
    row.set("experts", Value::Array(layer.idle.begin(), layer.idle.end()));
    rows.push_back(std::move(row));
  }
  claim.witness.set("type", "idle-experts");
  claim.witness.set("run", run);
  claim.witness.set("layers", std::move(rows));
  claim.message =
      fmt::format("{} expert{} of {} layer{} received no token in the base run", experts,
                  experts == 1 ? "" : "s", claim.layers.size(), claim.layers.size() == 1 ? "" : "s");
  claim.help =
      "An expert that is never selected is unused capacity. Check the balancing loss or bias, and make sure "
      "that the audited batch resembles the data that the model serves.";
  return claim;
}

void measure_spread(const std::vector<std::uint64_t>& counts, const LayerLoad& layer, std::uint64_t tokens,
                    Ran& ran) {
  const auto add = [&](const char* name, double value, const char* unit) {
    ran.measurements.push_back({name, value, {}, {}, unit, tokens, layer.index});
  };
  const auto share = [&](auto holds) {
    return static_cast<double>(std::ranges::count_if(layer.loads, holds)) /
           static_cast<double>(layer.loads.size());
  };
  add(measurement::max_violation, routing::max_violation(counts), "fraction of the mean load");
  add(measurement::load_variation, routing::load_variation(counts), "fraction of the mean load");
  add(measurement::load_entropy, routing::load_entropy(counts), "fraction of equal loads' entropy");
  add(measurement::hot_experts, share([](double load) { return load >= hot_load; }), "fraction of experts");
  add(measurement::idle_experts, share([](double load) { return load == 0.0; }), "fraction of experts");
}

std::vector<std::string> numbered(std::size_t count) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < count; ++i) names.push_back(std::to_string(i));
  return names;
}

/// A row for each layer; shorter rows end in what is not known.
Chart layers_chart(const std::vector<LayerLoad>& layers, std::vector<double> LayerLoad::*of) {
  Chart chart;
  chart.y = "layer";
  std::size_t columns = 0;
  for (const LayerLoad& layer : layers) columns = std::max(columns, (layer.*of).size());
  chart.columns = numbered(columns);
  for (const LayerLoad& layer : layers) {
    chart.rows.push_back(std::to_string(raw(layer.index)));
    chart.values.insert(chart.values.end(), (layer.*of).begin(), (layer.*of).end());
    chart.values.resize(chart.rows.size() * columns, std::numeric_limits<double>::quiet_NaN());
  }
  return chart;
}

/// Experts by time of the layer whose load is worst in some stretch. Neighbouring stretches are one column
/// where there would be too many cells. Nothing where there would be still.
std::optional<Chart> worst_layer_chart(const std::vector<routing::LoadSurvey>& loads, const Trace& trace) {
  constexpr std::size_t most_cells = 2048, fewest_columns = 4;
  const routing::LoadSurvey* worst = nullptr;
  std::size_t layer = 0;
  double most = -1.0;
  for (std::size_t l = 0; l < loads.size(); ++l) {
    const auto stretches = over_time(loads[l]);
    const double violation = stretches.empty() ? -1.0 : std::ranges::max(stretches);
    if (violation <= most) continue;
    most = violation;
    worst = &loads[l];
    layer = l;
  }
  if (worst == nullptr || worst->experts * fewest_columns > most_cells) return std::nullopt;
  const std::size_t stretches = worst->by_time.size();
  const std::size_t columns = std::min(stretches, most_cells / worst->experts);
  const std::size_t merged = (stretches + columns - 1) / columns;
  Chart chart;
  chart.id = "load-over-time";
  chart.title = fmt::format("layer {}: load of each expert over time", raw(trace.layers[layer].index));
  chart.x = "stretch of the batch, in the order of the router";
  chart.y = "expert";
  chart.unit = "of the mean load";
  chart.neutral = 1.0;
  chart.about =
      "Of the layer with the worst load in some stretch. A row that is dark throughout is an expert that is "
      "always hot; a single dark cell is one for which tokens of one kind come together.";
  chart.rows = numbered(worst->experts);
  const std::size_t drawn = (stretches + merged - 1) / merged;
  chart.values.assign(worst->experts * drawn, std::numeric_limits<double>::quiet_NaN());
  for (std::size_t c = 0; c < drawn; ++c) {
    const std::size_t from = c * merged, to = std::min(stretches, from + merged);
    chart.columns.push_back(to - from == 1 ? std::to_string(from) : fmt::format("{}-{}", from, to - 1));
    std::vector<std::uint64_t> counts(worst->experts, 0);
    for (std::size_t i = from * worst->experts; i < to * worst->experts; ++i)
      counts[i % worst->experts] += worst->counts[i];
    if (std::ranges::max(counts) == 0) continue;
    const auto shares = relative(counts);
    for (std::size_t e = 0; e < shares.size(); ++e) chart.values[e * drawn + c] = shares[e];
  }
  return chart;
}

void draw(const std::vector<LayerLoad>& layers, bool over_time, Ran& ran) {
  Chart load = layers_chart(layers, &LayerLoad::loads);
  load.id = "load";
  load.title = "load of each expert over the mean load of its layer";
  load.x = "expert";
  load.unit = "of the mean load";
  load.neutral = 1.0;
  load.about =
      "1 is an expert with its fair share. Far above it: a hot expert, where a capacity drops tokens first. "
      "0: "
      "an expert that is never used.";
  ran.charts.push_back(std::move(load));
  if (!over_time) return;
  Chart time = layers_chart(layers, &LayerLoad::stretches);
  time.id = "over-time";
  time.title = "MaxVio in each stretch of the batch, in the order of the router";
  time.x = "stretch";
  time.unit = "MaxVio";
  time.neutral = 0.0;
  time.about =
      "The busiest expert's load over the mean, minus 1: 0 is even. A layer that is dark at some time alone "
      "is "
      "uneven within the batch though even over all of it.";
  ran.charts.push_back(std::move(time));
}

Outcome run_load_balance(const CheckContext& context) {
  const auto trace = context.observations.base();
  if (!trace) return trace.error();
  const auto loads = context.observations.loads();
  if (!loads) return loads.error();
  Ran ran;
  std::vector<LayerLoad> layers;
  const bool several_runs = !context.observations.runs(Intervention::Kind::batch).empty();
  for (std::size_t l = 0; l < loads->size(); ++l) {
    const routing::LoadSurvey& load = (*loads)[l];
    if (load.total.pairs == 0) continue;
    const std::vector<std::uint64_t> counts = load.expert_counts();
    LayerLoad layer{trace->layers[l].index, relative(counts), over_time(load), {}};
    measure_spread(counts, layer, load.total.tokens, ran);
    if (several_runs) {
      const auto runs = over_runs(context.observations, layer.index);
      if (!runs) return runs.error();
      const auto [least, most] = std::ranges::minmax(*runs);
      ran.measurements.push_back({measurement::max_violation_over_runs, most, least, most,
                                  "fraction of the mean load", runs->size(), layer.index});
    }
    const auto [least, most] = std::ranges::minmax(layer.stretches);
    ran.measurements.push_back({measurement::max_violation_over_time, most, least, most,
                                "fraction of the mean load", layer.stretches.size(), layer.index});
    for (std::size_t e = 0; e < counts.size(); ++e) {
      if (counts[e] == 0) layer.idle.push_back(e);
    }
    layers.push_back(std::move(layer));
  }
  if (layers.empty()) return ran;
  // Of stretches with fewer tokens than experts, chance alone would be drawn.
  const std::size_t stretch = trace->layout.tokens() / layers.front().stretches.size();
  const bool timed = stretch >= 2 * layers.front().loads.size();
  draw(layers, timed, ran);
  if (timed) {
    if (auto chart = worst_layer_chart(*loads, *trace)) ran.charts.push_back(*std::move(chart));
  }
  if (std::ranges::any_of(layers, [](const LayerLoad& layer) { return !layer.idle.empty(); }))
    ran.claims.push_back(idle_claim(context.observations.runs(Intervention::Kind::base).front()->id, layers));
  return ran;
}

}  // namespace

const Check load_balance_check{
    "load-balance",
    "How evenly experts are loaded",
    "Measures the largest load of an expert over the mean load, minus one (MaxVio): over the whole batch, "
    "over up to 64 stretches of it in router order, and over the runs that replace other sequences. Says how "
    "loads vary, how near they come to equal ones (entropy), and which share of the experts is hot or idle. "
    "Imbalance is not a leak, but it decides what a capacity limit drops.",
    {.routes = true},
    run_load_balance};

}  // namespace pastonly::audits

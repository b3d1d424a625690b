#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include "audits/checks.h"
#include "evidence/observations.h"
#include "pastonly/names.h"
#include "routing/recorded/load.h"

namespace pastonly::audits {
namespace {

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

Claim idle_claim(std::uint32_t run,
                 const std::vector<std::pair<LayerIndex, std::vector<std::size_t>>>& idle) {
  Claim claim;
  claim.id = claim::idle_expert;
  claim.basis = Claim::Basis::observation;
  std::size_t experts = 0;
  Value::Array rows;
  for (const auto& [layer, ids] : idle) {
    experts += ids.size();
    claim.layers.push_back(layer);
    Value row;
    row.set("layer", raw(layer));
    row.set("experts", Value::Array(ids.begin(), ids.end()));
    rows.push_back(std::move(row));
  }
  claim.witness.set("type", "idle-experts");
  claim.witness.set("run", run);
  claim.witness.set("layers", std::move(rows));
  claim.message = fmt::format("{} expert{} of {} layer{} received no token in the base run", experts,
                              experts == 1 ? "" : "s", idle.size(), idle.size() == 1 ? "" : "s");
  claim.help =
      "An expert that is never selected is unused capacity. Check the balancing loss or bias, and make sure "
      "that the audited batch resembles the data that the model serves.";
  return claim;
}

Outcome run_load_balance(const CheckContext& context) {
  const auto trace = context.observations.base();
  if (!trace) return trace.error();
  const auto loads = context.observations.loads();
  if (!loads) return loads.error();
  Ran ran;
  std::vector<std::pair<LayerIndex, std::vector<std::size_t>>> idle;
  const bool several_runs = !context.observations.runs(Intervention::Kind::batch).empty();
  for (std::size_t l = 0; l < loads->size(); ++l) {
    const routing::LoadSurvey& load = (*loads)[l];
    if (load.total.pairs == 0) continue;
    const LayerIndex index = trace->layers[l].index;
    const std::vector<std::uint64_t> counts = load.expert_counts();
    Measurement whole{measurement::max_violation,
                      routing::max_violation(counts),
                      {},
                      {},
                      "fraction of the mean load",
                      load.total.tokens,
                      index};
    if (several_runs) {
      const auto runs = over_runs(context.observations, index);
      if (!runs) return runs.error();
      const auto [least, most] = std::ranges::minmax(*runs);
      ran.measurements.push_back({measurement::max_violation_over_runs, most, least, most,
                                  "fraction of the mean load", runs->size(), index});
    }
    ran.measurements.push_back(std::move(whole));
    const std::vector<double> stretches = over_time(load);
    const auto [least, most] = std::ranges::minmax(stretches);
    ran.measurements.push_back({measurement::max_violation_over_time, most, least, most,
                                "fraction of the mean load", stretches.size(), index});
    std::vector<std::size_t> without;
    for (std::size_t e = 0; e < counts.size(); ++e) {
      if (counts[e] == 0) without.push_back(e);
    }
    if (!without.empty()) idle.emplace_back(index, std::move(without));
  }
  if (!idle.empty())
    ran.claims.push_back(idle_claim(context.observations.runs(Intervention::Kind::base).front()->id, idle));
  return ran;
}

}  // namespace

const Check load_balance_check{
    "load-balance",
    "How evenly experts are loaded",
    "Measures the largest load of an expert over the mean load, minus one (MaxVio): over the whole batch, "
    "over up to 64 stretches of it in router order, and over the runs that replace other sequences. "
    "Imbalance is not a leak, but it decides what a capacity limit drops.",
    {},
    run_load_balance};

}  // namespace pastonly::audits

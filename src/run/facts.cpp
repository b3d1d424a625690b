#include "run/facts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <unordered_map>

#include "pastonly/check.h"
#include "pastonly/names.h"
#include "stats/layer_bound.h"
#include "stats/parallel.h"

namespace pastonly::run {
namespace {

/// Mean experts per valid token of the effective mask.
std::optional<double> mean_experts(const Trace& trace, const LayerRecord& layer) {
  constexpr std::size_t block = 4096;
  const std::size_t tokens = trace.layout.tokens();
  if (layer.experts == 0 || tokens == 0) return std::nullopt;
  std::vector<std::uint8_t> bits(block * layer.experts);  // (block, experts)
  std::uint64_t pairs = 0, valid = 0;
  for (std::size_t first = 0; first < tokens; first += block) {
    const std::size_t count = std::min(block, tokens - first);
    read_mask(layer, first, count, bits);
    for (std::size_t i = 0; i < count; ++i) {
      if (!trace.is_valid(first + i)) continue;
      ++valid;
      const auto row = bits.begin() + static_cast<std::ptrdiff_t>(i * layer.experts);
      pairs += static_cast<std::uint64_t>(std::count_if(row, row + static_cast<std::ptrdiff_t>(layer.experts),
                                                        [](auto bit) { return bit != 0; }));
    }
  }
  if (valid == 0) return std::nullopt;
  return static_cast<double>(pairs) / static_cast<double>(valid);
}

void merge(LayerFacts& into, const LayerFacts& from) {
  if (from.bound) into.bound = from.bound;
  if (from.rule) into.rule = from.rule;
  if (from.leak) into.leak = from.leak;
  if (from.origin) into.origin = from.origin;
}

std::map<std::uint32_t, double> measured_experts(const Outcomes& outcomes) {
  std::map<std::uint32_t, double> experts;
  for (const auto& [id, outcome] : outcomes) {
    const auto* ran = std::get_if<Ran>(&outcome);
    if (ran == nullptr) continue;
    for (const Measurement& measured : ran->measurements) {
      if (measured.name == measurement::experts_per_token && measured.layer)
        experts[raw(*measured.layer)] = measured.value;
    }
  }
  return experts;
}

/// How many runs of this kind a plan names and nobody has recorded; "" where none.
std::string without_output(const Subject& subject, Intervention::Kind kind) {
  const auto of_kind = [kind](const Intervention& run) { return run.kind == kind; };
  const auto missing = std::ranges::count_if(subject.missing(), of_kind);
  if (missing == 0) return "";
  const auto first = std::ranges::find_if(subject.missing(), of_kind);
  return fmt::format("{} {} run{} of the plan without output (first: run {})", missing, name(kind),
                     missing == 1 ? "" : "s", first->id);
}

}  // namespace

std::vector<Report::Layer> layers_of(const Trace& base, const Outcomes& outcomes) {
  const auto measured = measured_experts(outcomes);
  std::vector<Report::Layer> layers(base.layers.size());
  stats::parallel_for(base.layers.size(), [&](std::size_t l) {
    const LayerRecord& record = base.layers[l];
    Report::Layer& layer = layers[l];
    layer.index = raw(record.index);
    layer.experts = record.experts;
    layer.facts.index = record.index;
    const auto known = measured.find(layer.index);
    layer.top_k = known != measured.end() ? known->second : mean_experts(base, record);
    if (layer.top_k && record.experts > 0)
      layer.sparsity = *layer.top_k / static_cast<double>(record.experts);
  });
  std::unordered_map<std::uint32_t, std::size_t> places;  // of each layer's number
  for (std::size_t l = 0; l < layers.size(); ++l) places.emplace(layers[l].index, l);
  for (const auto& [id, outcome] : outcomes) {
    const auto* ran = std::get_if<Ran>(&outcome);
    if (ran == nullptr) continue;
    for (const LayerFacts& facts : ran->layers) {
      const auto place = places.find(raw(facts.index));
      if (place != places.end()) merge(layers[place->second].facts, facts);
    }
  }
  return layers;
}

Report::Totals totals_of(const std::vector<Report::Layer>& layers, const Outcomes& outcomes,
                         std::optional<std::uint64_t> vocab) {
  std::vector<LayerFacts::Bound> bounds;
  bounds.reserve(layers.size());
  for (const auto& layer : layers) bounds.push_back(layer.facts.bound.value_or(LayerFacts::Bound{}));
  Report::Totals totals = stats::bound_totals(bounds, vocab);
  for (const auto& [id, outcome] : outcomes) {
    const auto* ran = std::get_if<Ran>(&outcome);
    if (ran == nullptr) continue;
    for (const Measurement& measured : ran->measurements) {
      if (measured.name == measurement::leak_bits && !measured.layer) totals.leak_bits = measured.value;
    }
  }
  return totals;
}

std::uint64_t valid_tokens(const Trace& trace) {
  if (trace.valid.empty()) return trace.layout.tokens();
  return static_cast<std::uint64_t>(std::ranges::count_if(trace.valid, [](auto v) { return v != 0; }));
}

std::uint64_t distinct_tokens(evidence::Observations& observations) {
  using Kind = Intervention::Kind;
  std::uint64_t tokens = 0;
  for (const Intervention& run : observations.runs()) {
    if (run.kind == Kind::repeat || run.kind == Kind::redraw || run.kind == Kind::shuffle ||
        run.kind == Kind::reroute || run.kind == Kind::stream)
      continue;
    const auto trace = observations.trace(run);
    if (!trace) continue;
    tokens += valid_tokens(*trace);
  }
  return tokens;
}

std::vector<Report::NotAssessed> missing_runs(const Subject& subject) {
  std::vector<Report::NotAssessed> rows;
  for (const Check& check : all_checks()) {
    for (const Intervention::Kind kind : check.plan_runs) {
      if (auto reason = without_output(subject, kind); !reason.empty())
        rows.push_back({std::string(check.id), std::move(reason)});
    }
  }
  return rows;
}

}  // namespace pastonly::run

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "audits/checks.h"
#include "evidence/observations.h"
#include "pastonly/names.h"
#include "pastonly/policy.h"
#include "routing/recorded/load.h"
#include "routing/recorded/routes.h"
#include "routing/rule_facts.h"
#include "routing/rule_ids.h"
#include "stats/bootstrap.h"
#include "stats/location_test.h"
#include "stats/parallel.h"

namespace pastonly::audits {
namespace {

using Bin = routing::LoadSurvey::Bin;

constexpr std::uint64_t least_tagged = 64;    // tokens of a tag's value, to state a rate of it
constexpr std::size_t most_tag_values = 256;  // of a tag, the most frequent ones

double dropped(const Bin& bin, double asked) {
  return std::max(0.0, asked * static_cast<double>(bin.tokens) - static_cast<double>(bin.pairs));
}

struct LayerDrops {
  LayerIndex index{};
  Measurement rate;
  double p_value = 1.0;  ///< of "the rate is within the limit"
};

/// Sequences are the units that vary; a batch of few is cut into stretches of router order instead.
const std::vector<Bin>& units(const routing::LoadSurvey& load) {
  return load.by_row.size() >= 8 ? load.by_row : load.by_time;
}

LayerDrops drop_rate(const routing::LoadSurvey& load, double asked, LayerIndex index,
                     const CheckContext& context) {
  std::vector<double> lost, possible, beyond;
  for (const Bin& bin : units(load)) {
    if (bin.tokens == 0) continue;
    lost.push_back(dropped(bin, asked));
    possible.push_back(asked * static_cast<double>(bin.tokens));
    beyond.push_back(lost.back() - context.policy.limits.drop_rate * possible.back());
  }
  LayerDrops drops;
  drops.index = index;
  drops.rate.name = measurement::drop_rate;
  drops.rate.value = dropped(load.total, asked) / (asked * static_cast<double>(load.total.tokens));
  drops.rate.unit = "fraction of routes";
  drops.rate.samples = load.total.tokens;
  drops.rate.layer = index;
  const auto interval = stats::bootstrap_ratio(
      lost, possible, {.alpha = context.policy.alpha, .seed = context.seed, .stream = raw(index)});
  if (interval) {
    drops.rate.lower = interval->lower;
    drops.rate.upper = interval->upper;
  }
  drops.p_value = stats::mean_exceeds(beyond);
  return drops;
}

double part_rate(std::span<const Bin> bins, double asked) {
  double lost = 0.0, tokens = 0.0;
  for (const Bin& bin : bins) {
    lost += dropped(bin, asked);
    tokens += static_cast<double>(bin.tokens);
  }
  return tokens > 0.0 ? lost / (asked * tokens) : 0.0;
}

/// Along what drops are looked at, and what the figures are called.
struct Places {
  std::vector<Bin> routing::LoadSurvey::*bins;
  const char *start, *end, *trend;
};
constexpr std::array<Places, 2> compared_places{
    {{&routing::LoadSurvey::by_time, measurement::drop_rate_batch_start, measurement::drop_rate_batch_end,
      measurement::drop_trend_batch},
     {&routing::LoadSurvey::by_position, measurement::drop_rate_sequence_start,
      measurement::drop_rate_sequence_end, measurement::drop_trend_sequence}}};

/// Where the drops fall: over the batch as the router saw it, and over the positions of a sequence.
void measure_places(const routing::LoadSurvey& load, double asked, LayerIndex index, Ran& ran) {
  const auto add = [&](std::string name, double value, std::string unit) {
    ran.measurements.push_back(
        {std::move(name), value, std::nullopt, std::nullopt, std::move(unit), load.total.tokens, index});
  };
  for (const Places& places : compared_places) {
    const auto& bins = load.*places.bins;
    std::vector<double> rates;
    rates.reserve(bins.size());
    for (const Bin& bin : bins) rates.push_back(part_rate(std::span(&bin, 1), asked));
    const std::size_t quarter = std::max<std::size_t>(1, bins.size() / 4);
    add(places.start, part_rate(std::span(bins).first(quarter), asked),
        "fraction of routes in the first quarter");
    add(places.end, part_rate(std::span(bins).last(quarter), asked),
        "fraction of routes in the last quarter");
    add(places.trend, stats::kendall_trend(rates), "Kendall's tau");
  }
  add(measurement::unrouted_tokens,
      static_cast<double>(load.total.unrouted) /
          static_cast<double>(std::max<std::uint64_t>(1, load.total.tokens)),
      "fraction of tokens");
}

/// Of one tag: the drop rates of those of its values that have enough tokens to state one.
struct TagDrops {
  std::string tag;
  std::vector<double> rates;
};

std::vector<TagDrops> drops_by_tag(const Trace& trace, const LayerRecord& layer, double asked) {
  std::vector<TagDrops> out;
  if (trace.tags.empty()) return out;
  const auto routes = routing::read_routes(trace, layer);
  for (const Tag& tag : trace.tags) {
    std::map<std::int64_t, Bin> bins;
    for (std::size_t i = 0; i < routes.tokens.size(); ++i) {
      const std::int64_t value = tag.values[routes.tokens[i]];
      if (value < 0) continue;
      Bin& bin = bins[value];
      ++bin.tokens;
      bin.pairs += routes.starts[i + 1] - routes.starts[i];
    }
    std::erase_if(bins, [](const auto& one) { return one.second.tokens < least_tagged; });
    std::vector<std::pair<std::int64_t, Bin>> kept(bins.begin(), bins.end());
    std::ranges::stable_sort(kept, std::greater<>(), [](const auto& one) { return one.second.tokens; });
    if (kept.size() > most_tag_values) kept.resize(most_tag_values);
    TagDrops drops{tag.name, {}};
    for (const auto& one : kept) drops.rates.push_back(part_rate(std::span(&one.second, 1), asked));
    if (!kept.empty()) out.push_back(std::move(drops));
  }
  return out;
}

/// Tokens that the experts have room for, all together, where the capacity that was found says so: over the
/// whole batch, or over each sequence where the rule counts so.
std::optional<double> slots_of(const LayerFacts::Rule& rule, const Trace& trace, std::size_t experts) {
  const auto capacity = rule.parameters.number("capacity");
  if (!rule.id || !capacity || *rule.id == routing::ids::rank_capacity) return std::nullopt;
  if (rule.parameters.find("chunk") != nullptr) return std::nullopt;
  const bool by_sequence =
      *rule.id == routing::ids::fixed_capacity || rule.parameters.text_or("scope", "") == "sequence";
  return *capacity * static_cast<double>(experts) *
         (by_sequence ? static_cast<double>(trace.layout.sequences) : 1.0);
}

/// Drop rates over the positions of a sequence: a row for each layer.
Chart position_chart(const std::vector<LayerIndex>& layers, const std::vector<std::vector<double>>& rates) {
  Chart chart;
  chart.id = "drops-by-position";
  chart.title = "dropped routes by position in the sequence";
  chart.x = "part of the sequence";
  chart.y = "layer";
  chart.unit = "of routes";
  chart.neutral = 0.0;
  chart.about =
      "Even rows: every position loses alike. Dark on the right: first come, first served, late tokens lose "
      "their experts. In another batch other tokens do.";
  for (std::size_t i = 0; i < rates.front().size(); ++i) chart.columns.push_back(std::to_string(i + 1));
  for (std::size_t l = 0; l < layers.size(); ++l) {
    chart.rows.push_back(std::to_string(raw(layers[l])));
    chart.values.insert(chart.values.end(), rates[l].begin(), rates[l].end());
  }
  return chart;
}

Claim drop_claim(const std::vector<LayerDrops>& layers, std::uint32_t run, double limit) {
  const auto worst = std::ranges::max_element(
      layers, {}, [](const LayerDrops& drops) { return drops.rate.lower.value_or(drops.rate.value); });
  const auto surest = std::ranges::min_element(layers, {}, &LayerDrops::p_value);
  Claim claim;
  claim.id = claim::drop_rate;
  claim.basis = Claim::Basis::statistical;
  // Over the layers: Bonferroni, so that the check states one claim and no more.
  claim.p_value = std::min(1.0, surest->p_value * static_cast<double>(layers.size()));
  claim.amount = worst->rate;
  claim.witness.set("type", "drop-rate");
  claim.witness.set("run", run);
  claim.witness.set("layer", raw(worst->index));
  claim.witness.set("rate", worst->rate.value);
  for (const LayerDrops& drops : layers) {
    if (drops.rate.lower.value_or(drops.rate.value) > limit) claim.layers.push_back(drops.index);
  }
  claim.message =
      fmt::format("layer {} drops {:.1f}% of its routes", raw(worst->index), 100.0 * worst->rate.value);
  claim.help =
      "Raise the capacity factor, balance the load, or route without drops. Which tokens are dropped depends "
      "on the batch, so the same text can get a different answer in another batch.";
  return claim;
}

Outcome run_capacity_drops(const CheckContext& context) {
  const auto trace = context.observations.base();
  if (!trace) return trace.error();
  if (trace->stage == Stage::selected) {
    return Skipped{"the masks were recorded before drops (stage selected)"};
  }
  const auto rules = context.observations.rules();
  if (!rules) return rules.error();
  const auto loads = context.observations.loads();
  if (!loads) return loads.error();
  Ran ran;
  std::vector<std::optional<LayerDrops>> rates(loads->size());
  std::vector<std::vector<TagDrops>> tags(loads->size());
  stats::parallel_for(loads->size(), [&](std::size_t l) {
    const auto asked = routing::asked_experts((*rules)[l]);
    if (!asked || (*loads)[l].total.tokens == 0) return;
    rates[l] = drop_rate((*loads)[l], static_cast<double>(*asked), trace->layers[l].index, context);
    tags[l] = drops_by_tag(*trace, trace->layers[l], static_cast<double>(*asked));
  });
  std::vector<LayerDrops> layers;
  std::vector<LayerIndex> drawn;
  std::vector<std::vector<double>> by_position;
  for (std::size_t l = 0; l < loads->size(); ++l) {
    if (!rates[l]) continue;
    const LayerIndex index = trace->layers[l].index;
    const auto asked = static_cast<double>(*routing::asked_experts((*rules)[l]));
    layers.push_back(*rates[l]);
    ran.measurements.push_back(rates[l]->rate);
    measure_places((*loads)[l], asked, index, ran);
    for (const TagDrops& tag : tags[l]) {
      const auto [least, most] = std::ranges::minmax(tag.rates);
      ran.measurements.push_back({measurement::of(measurement::drop_rate_by, tag.tag), most, least, most,
                                  "fraction of routes", tag.rates.size(), index});
    }
    if (const auto slots = slots_of((*rules)[l], *trace, trace->layers[l].experts)) {
      const auto used = static_cast<double>((*loads)[l].total.pairs);
      ran.measurements.push_back(
          {measurement::capacity_slots, *slots, {}, {}, "routes", (*loads)[l].total.tokens, index});
      ran.measurements.push_back({measurement::used_slots,
                                  used / *slots,
                                  {},
                                  {},
                                  "fraction of slots",
                                  (*loads)[l].total.tokens,
                                  index});
    }
    drawn.push_back(index);
    auto& row = by_position.emplace_back();
    for (const Bin& bin : (*loads)[l].by_position) row.push_back(part_rate(std::span(&bin, 1), asked));
  }
  if (layers.empty()) return Skipped{"no layer's rule is known to be token choice with a fixed K"};
  if (std::ranges::any_of(layers, [](const LayerDrops& drops) { return drops.rate.value > 0.0; }))
    ran.charts.push_back(position_chart(drawn, by_position));
  // Stated whatever the rate, so that the correction over the run counts every test that was made.
  const std::uint32_t base = context.observations.runs(Intervention::Kind::base).front()->id;
  ran.claims.push_back(drop_claim(layers, base, context.policy.limits.drop_rate));
  return ran;
}

}  // namespace

const Check capacity_drops_check{
    "capacity-drops",
    "Routes that a capacity limit dropped",
    "For layers whose rule is token choice with a fixed K, this check measures the share of routes that are "
    "missing, where in the batch, in the sequence and under which tags they are missing, how many tokens "
    "lost "
    "every expert, and how much of the capacity was used. "
    "It reports a finding where the lower end of the interval exceeds the policy's drop_rate.",
    {.routes = true},
    run_capacity_drops};

}  // namespace pastonly::audits

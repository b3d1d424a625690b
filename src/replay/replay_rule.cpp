#include "replay/replay_rule.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "routing/identify/shared/apply_ranking.h"
#include "routing/rule_facts.h"
#include "routing/rule_ids.h"
#include "routing/rule_traits.h"
#include "stats/bootstrap.h"

namespace pastonly::replay {
namespace {

void drop_key(Parameters& parameters, std::string_view key) {
  std::erase_if(parameters, [&](const auto& entry) { return entry.first == key; });
}

}  // namespace

std::unique_ptr<RoutingRule> make_identified(const LayerFacts::Rule& rule) {
  const RuleInfo* info = rule.id ? find_rule(*rule.id) : nullptr;
  if (!info) return nullptr;
  Parameters parameters;
  if (const auto* given = rule.parameters.object()) parameters = *given;
  std::erase_if(parameters, [&](const auto& entry) { return !routing::takes(*info, entry.first); });
  auto made = make_rule(*rule.id, parameters);
  return made ? std::move(*made) : nullptr;
}

std::optional<ReplayRule> replay_rule(const Trace& trace, const LayerRecord& layer,
                                      const LayerFacts::Rule& rule) {
  if (!rule.id || !layer.ranking()) return std::nullopt;
  const auto made = make_identified(rule);
  if (!made) return std::nullopt;
  ReplayRule out;
  out.id = *rule.id;
  out.parameters = made->parameters();
  const Value* ranking = rule.parameters.find("ranking");
  if (ranking != nullptr && ranking->text() != nullptr) out.ranking = *ranking->text();
  const Value* scope = find(out.parameters, "scope");
  if (scope != nullptr && *scope == "document") return std::nullopt;
  out.per_sequence = scope != nullptr && *scope == "sequence";
  out.padding_counts = find(out.parameters, "padding") != nullptr;
  const Dependence dependence = made->dependence(trace.layout, layer.experts);
  out.random = dependence.random;
  out.future = dependence.future;
  out.alone = dependence == Dependence{};
  // Independence of the rest of the batch may come from chunks that never span rows: those still compete.
  const auto chunk = number(out.parameters, "chunk");
  const bool competes =
      chunk || number(out.parameters, "capacity") || number(out.parameters, "capacity_factor");
  out.alone = out.alone && !competes;
  const std::size_t group = out.per_sequence ? trace.layout.positions : trace.layout.tokens();
  out.width = chunk && *chunk >= 1.0 ? std::min(group, static_cast<std::size_t>(*chunk)) : group;
  const double experts = static_cast<double>(layer.experts);
  const auto capacity = number(out.parameters, "capacity");
  const auto k = number(out.parameters, "k");
  // A fraction of the tokens (mixture-of-depths), or of T/N, is a rate per expert.
  const bool depths = out.id == routing::ids::mixture_of_depths;
  const bool experts_choose = routing::rule_traits(out.id).asks == routing::Asks::expert;
  if (experts_choose && capacity) {
    out.k = *capacity * experts / static_cast<double>(out.width);
  } else if (experts_choose && !k) {
    out.k = number(out.parameters, "capacity_factor").value_or(1.0) * (depths ? experts : 1.0);
  } else {
    out.k = k.value_or(1.0);
  }
  return out;
}

MatrixView<const float> ranked_rows(const LayerRecord& layer, std::size_t first, std::size_t count,
                                    std::string_view ranking, std::vector<float>& scratch) {
  const auto recorded = read_floats(*layer.ranking(), first, count, scratch);
  if (ranking.empty()) return recorded;
  if (recorded.data() != scratch.data()) scratch.assign(recorded.data(), recorded.data() + recorded.size());
  for (std::size_t at = 0; at < recorded.size(); at += layer.experts)
    routing::apply_ranking(std::span(scratch).subspan(at, layer.experts), ranking);
  return {scratch.data(), count, layer.experts};
}

Excerpt excerpt(const Trace& trace, const LayerRecord& layer, const ReplayRule& rule,
                std::span<const std::size_t> tokens) {
  Excerpt out;
  const std::size_t experts = layer.experts;
  out.scores.resize(tokens.size() * experts);
  out.mask.reset(tokens.size(), experts);
  std::vector<float> scratch;
  for (std::size_t i = 0; i < tokens.size();) {
    std::size_t count = 1;  // neighbours are read together
    while (i + count < tokens.size() && tokens[i + count] == tokens[i] + count) ++count;
    const auto scores = ranked_rows(layer, tokens[i], count, rule.ranking, scratch);
    std::copy_n(scores.data(), scores.size(), &out.scores[i * experts]);
    read_mask(layer, tokens[i], count, {out.mask.view().row(i).data(), count * experts});
    i += count;
  }
  for (const std::size_t token : tokens) {
    if (!trace.tokens.empty()) out.ids.push_back(trace.tokens[token]);
  }
  return out;
}

Excerpt excerpt(const LayerRecord& layer, const ReplayRule& rule, std::span<const std::size_t> tokens,
                std::span<const std::size_t> experts) {
  Excerpt out;
  out.scores.reserve(tokens.size() * experts.size());
  out.mask.reset(tokens.size(), experts.size());
  std::vector<float> scratch;
  std::vector<std::uint8_t> mask(layer.experts);
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const auto scores = ranked_rows(layer, tokens[i], 1, rule.ranking, scratch);
    read_mask(layer, tokens[i], 1, mask);
    for (std::size_t c = 0; c < experts.size(); ++c) {
      out.scores.push_back(scores(0, experts[c]));
      out.mask(i, c) = mask[experts[c]];
    }
  }
  return out;
}

void FlipCount::add(const Mask& before, const Mask& after) {
  const std::uint8_t* one = before.view().data();
  const std::uint8_t* other = after.view().data();
  const std::size_t entries = before.tokens() * before.experts();
  std::size_t differing = 0;
  for (std::size_t i = 0; i < entries; ++i) differing += one[i] != other[i] ? 1 : 0;
  add(entries, differing);
}

void FlipCount::add(std::size_t unit_decisions, std::size_t unit_changed) {
  decisions += unit_decisions;
  changed += unit_changed;
  decisions_by_unit.push_back(static_cast<double>(unit_decisions));
  changed_by_unit.push_back(static_cast<double>(unit_changed));
}

Measurement FlipCount::measurement(std::string name, LayerIndex layer, double alpha,
                                   std::uint64_t seed) const {
  Measurement out;
  out.name = std::move(name);
  out.value = decisions == 0 ? 0.0 : static_cast<double>(changed) / static_cast<double>(decisions);
  out.unit = "fraction";
  out.samples = decisions;
  out.layer = layer;
  if (!sampled) return out;
  stats::BootstrapOptions options;
  options.alpha = alpha;
  options.seed = seed;
  if (const auto interval = stats::bootstrap_ratio(changed_by_unit, decisions_by_unit, options)) {
    out.lower = interval->lower;
    out.upper = interval->upper;
  }
  return out;
}

std::optional<Mask> select_block(const ReplayRule& rule, const Excerpt& block) {
  Parameters parameters = rule.parameters;
  const std::size_t tokens = block.mask.tokens();
  drop_key(parameters, "chunk");
  drop_key(parameters, "order");
  const auto capacity = number(parameters, "capacity");
  if (capacity) {
    const double share = static_cast<double>(tokens) / static_cast<double>(rule.width);
    drop_key(parameters, "capacity");
    parameters.emplace_back("capacity", std::max<std::int64_t>(1, std::llround(*capacity * share)));
  }
  const auto made = make_rule(rule.id, parameters);
  if (!made) return std::nullopt;
  Routing routing;
  RoutingContext context;
  context.layout = {1, tokens};
  context.tokens = block.ids;
  (*made)->select(block.view(), context, routing);
  return std::move(routing.mask);
}

}  // namespace pastonly::replay

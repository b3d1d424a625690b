#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "audits/checks.h"
#include "audits/shared/dependence_report.h"
#include "audits/shared/ratio.h"
#include "evidence/each_layer.h"
#include "evidence/observations.h"
#include "pastonly/names.h"
#include "pastonly/policy.h"
#include "routing/recorded/routes.h"
#include "stats/bootstrap.h"
#include "stats/held_out_hits.h"
#include "stats/label_information.h"
#include "stats/parallel.h"

namespace pastonly::audits {
namespace {

constexpr std::size_t most_labelled = 65'536;  // looked at; of more, every n-th sequence
constexpr std::int64_t position_parts = 16;    // of a sequence
constexpr double token_bound_share = 0.5;

/// A number for each token of the batch, (B, S), by which experts may be chosen. Negative: left out.
struct Label {
  std::string name;
  std::vector<std::int64_t> of;
};

Label positions_of(const Layout& layout) {
  Label out{"position", std::vector<std::int64_t>(layout.tokens())};
  const auto length = static_cast<std::int64_t>(layout.positions);
  for (std::size_t token = 0; token < out.of.size(); ++token) {
    const auto position = static_cast<std::int64_t>(token % layout.positions);
    out.of[token] = position * position_parts / length;
  }
  return out;
}

std::vector<Label> labels_of(const Trace& trace) {
  std::vector<Label> out;
  if (!trace.tokens.empty()) out.push_back({"token", trace.tokens});
  if (trace.layout.positions > 1) out.push_back(positions_of(trace.layout));
  for (const Tag& tag : trace.tags) out.push_back({tag.name, tag.values});
  return out;
}

/// The tokens that have a label, with labels counted from 0.
struct LabelledRoutes {
  std::vector<std::size_t> starts{0}, groups{0};
  std::vector<std::uint32_t> experts, labels;
  std::size_t expert_count = 0, label_count = 0;

  LabelledRoutes(const routing::Routes& routes, const Label& label, const Layout& layout, std::size_t count)
      : expert_count(count) {
    std::unordered_map<std::int64_t, std::uint32_t> ids;
    std::optional<std::size_t> row;
    for (std::size_t i = 0; i < routes.tokens.size(); ++i) {
      const std::int64_t of = label.of[routes.tokens[i]];
      if (of < 0) continue;
      const std::size_t here = routes.tokens[i] / layout.positions;
      if (row && *row != here) groups.push_back(labels.size());
      row = here;
      labels.push_back(ids.emplace(of, static_cast<std::uint32_t>(ids.size())).first->second);
      experts.insert(experts.end(), routes.experts.begin() + static_cast<std::ptrdiff_t>(routes.starts[i]),
                     routes.experts.begin() + static_cast<std::ptrdiff_t>(routes.starts[i + 1]));
      starts.push_back(experts.size());
    }
    groups.push_back(labels.size());
    label_count = ids.size();
  }
  stats::LabelledUnits units() const { return {starts, experts, expert_count, labels, label_count, groups}; }
};

Measurement explained_by(const LabelledRoutes& routes, const Label& label, LayerIndex layer,
                         std::uint64_t seed) {
  const auto found = stats::label_information(routes.units(), seed);
  return {measurement::of(measurement::explained_by, label.name),
          found.explained(),
          found.explained_low(),
          found.explained_high(),
          "fraction of the experts' entropy",
          routes.labels.size(),
          layer};
}

/// What a table from token ids to experts names of tokens in other sequences.
struct TokenTable {
  Measurement table, popular;
  double gain = 0.0;  ///< of what popularity does not name, the share that the table does
  bool bound = false;
};

TokenTable token_table(const LabelledRoutes& routes, LayerIndex layer, const CheckContext& context) {
  std::vector<double> hits, popular, all, beyond, open;
  for (const stats::Hits& group : stats::held_out_hits(routes.units())) {
    hits.push_back(group.table);
    popular.push_back(group.popular);
    all.push_back(group.values);
    beyond.push_back(group.table - group.popular);
    open.push_back(group.values - group.popular);
  }
  const stats::BootstrapOptions options{
      .alpha = context.policy.alpha, .seed = context.seed, .stream = raw(layer)};
  const auto share = [&](const char* name, const std::vector<double>& named) {
    return ratio_of({name, 0.0, {}, {}, "fraction of routes", routes.labels.size(), layer}, named, all,
                    options);
  };
  TokenTable out{share(measurement::token_table_hits, hits), share(measurement::popular_hits, popular)};
  out.gain = (out.table.value - out.popular.value) / std::max(1.0 - out.popular.value, 1e-12);
  const auto interval = stats::bootstrap_ratio(beyond, open, options);
  out.bound = interval && interval->lower >= token_bound_share;
  return out;
}

struct LayerFindings {
  std::vector<Measurement> measurements;
  std::optional<TokenTable> table;
};

LayerFindings look_at(const Trace& trace, const LayerRecord& layer, const std::vector<Label>& labels,
                      const CheckContext& context) {
  LayerFindings out;
  const std::size_t every = routing::sequence_step(trace.layout, most_labelled);
  const auto routes = routing::read_routes(trace, layer, every);
  if (routes.experts.empty()) return out;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const LabelledRoutes labelled(routes, labels[i], trace.layout, layer.experts);
    if (labelled.label_count < 2) continue;
    out.measurements.push_back(explained_by(labelled, labels[i], layer.index, context.seed + i));
    if (labels[i].name != "token") continue;
    out.table = token_table(labelled, layer.index, context);
    out.measurements.push_back(out.table->table);
    out.measurements.push_back(out.table->popular);
  }
  return out;
}

Claim token_bound(const std::vector<std::pair<LayerIndex, TokenTable>>& bound) {
  Claim claim;
  claim.id = claim::token_bound;
  claim.basis = Claim::Basis::observation;
  const auto most = std::ranges::max_element(bound, {}, [](const auto& one) { return one.second.gain; });
  for (const auto& [layer, table] : bound) claim.layers.push_back(layer);
  claim.message = fmt::format(
      "a table from token ids to experts names {:.0f}% of the experts of held-out tokens (layer {}; the most "
      "popular experts would be {:.0f}%): they follow the token id more than its context in {}",
      100.0 * most->second.table.value, raw(most->first), 100.0 * most->second.popular.value,
      layer_list(claim.layers));
  claim.help =
      "Routing that follows the token id is fixed early in training. Experts then specialise in tokens, not "
      "in "
      "what these mean where they stand.";
  return claim;
}

Outcome run_specialisation(const CheckContext& context) {
  const auto trace = context.observations.base();
  if (!trace) return trace.error();
  const auto labels = labels_of(*trace);
  std::vector<LayerFindings> found(trace->layers.size());
  evidence::for_each_layer(context.observations, found.size(), [&](std::size_t l) {
    found[l] = look_at(*trace, trace->layers[l], labels, context);
  });
  Ran ran;
  std::vector<std::pair<LayerIndex, TokenTable>> bound;
  for (std::size_t l = 0; l < found.size(); ++l) {
    auto& figures = found[l].measurements;
    ran.measurements.insert(ran.measurements.end(), figures.begin(), figures.end());
    if (found[l].table && found[l].table->bound) bound.emplace_back(trace->layers[l].index, *found[l].table);
  }
  if (ran.measurements.empty())
    return Skipped{"no two tokens differ in anything that experts may be chosen by"};
  if (!bound.empty()) ran.claims.push_back(token_bound(bound));
  return ran;
}

}  // namespace

const Check specialisation_check{
    "specialisation",
    "What experts are chosen by",
    "Measures how much of the choice of experts a token's id, its position and its tags (domain, language, "
    "task) "
    "explain, beyond chance, and how well a table from token ids to experts predicts tokens of other "
    "sequences. "
    "Where the id alone predicts most of what popularity does not, it says so.",
    {.routes = true},
    run_specialisation,
    {},
    Effort{.passes = 50.0},
};

}  // namespace pastonly::audits

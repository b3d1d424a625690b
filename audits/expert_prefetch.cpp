#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "audits/checks.h"
#include "audits/shared/ratio.h"
#include "evidence/each_layer.h"
#include "evidence/observations.h"
#include "kernels/elementary.h"
#include "pastonly/names.h"
#include "pastonly/policy.h"
#include "routing/recorded/layer_blocks.h"
#include "routing/recorded/routes.h"
#include "stats/link_hits.h"
#include "stats/parallel.h"

namespace pastonly::audits {
namespace {

using stats::LinkHits;

constexpr std::size_t most_linked = 32'768;  // looked at; of more, every n-th sequence
constexpr std::size_t gain_budget = 1;       // index of the budget that gains are stated for: 2K

struct Predictor {
  const char* name;
  LinkHits::Named LinkHits::*named;
  bool needs_scores;
};
constexpr std::array<Predictor, 3> predictors{{{"table", &LinkHits::table, false},
                                               {"scores", &LinkHits::linear, true},
                                               {"popular", &LinkHits::popular, false}}};
constexpr std::size_t by_popularity = 2;  // among the predictors

/// What the layer ranked, of the tokens that read_routes takes: (tokens, experts). As logarithms where all of
/// it is positive, for what a softmax or a sigmoid was taken of is nearer to linear. Empty where nothing was
/// recorded or something is not finite.
std::vector<float> features_of(const Trace& trace, const LayerRecord& layer, std::size_t every) {
  std::vector<float> out;
  if (layer.ranking() == nullptr) return out;
  routing::for_each_block(trace.layout, layer, [&](const routing::LayerBlock& block) {
    if (block.row % every != 0) return;
    for (std::size_t i = 0; i < block.tokens(); ++i) {
      if (!trace.is_valid(block.first + i)) continue;
      const auto row = block.ranking.row(i);
      out.insert(out.end(), row.begin(), row.end());
    }
  });
  if (!std::ranges::all_of(out, [](float x) { return std::isfinite(x); })) return {};
  if (layer.scores && std::ranges::all_of(out, [](float x) { return x > 0.0F; })) {
    for (float& x : out) x = kernels::log(x);
  }
  return out;
}

/// How well one layer's experts are foretold by the layer before.
struct Foretold {
  LayerIndex index{};
  bool scored = false;
  double routes = 0.0;  ///< that were to be foretold
  std::array<std::array<Measurement, LinkHits::budgets>, predictors.size()> hits;
  std::array<Measurement, predictors.size()> gain;  ///< over popularity, at gain_budget
};

Foretold foretell(const Trace& trace, const LayerRecord& before, const LayerRecord& layer,
                  const CheckContext& context) {
  const std::size_t every = routing::sequence_step(trace.layout, most_linked);
  const auto from = routing::read_routes(trace, before, every),
             to = routing::read_routes(trace, layer, every);
  const auto features = features_of(trace, before, every);
  const std::size_t units = to.tokens.size();
  std::vector<std::size_t> groups{0};
  for (std::size_t i = 1; i < units; ++i) {
    if (to.tokens[i] / trace.layout.positions != to.tokens[i - 1] / trace.layout.positions)
      groups.push_back(i);
  }
  groups.push_back(units);
  const auto found =
      stats::link_hits({{from.starts, from.experts, before.experts},
                        {to.starts, to.experts, layer.experts},
                        features.empty() ? MatrixView<const float>()
                                         : MatrixView<const float>(features.data(), units, before.experts),
                        groups});
  Foretold out;
  out.index = layer.index;
  out.scored = !features.empty();
  const auto by_group = [&](auto figure) {
    std::vector<double> figures(found.size());
    std::ranges::transform(found, figures.begin(), figure);
    return figures;
  };
  const std::vector<double> all = by_group([](const LinkHits& group) { return group.values; });
  out.routes = std::accumulate(all.begin(), all.end(), 0.0);
  if (out.routes == 0.0) return out;
  const stats::BootstrapOptions options{
      .alpha = context.policy.alpha, .seed = context.seed, .stream = raw(layer.index)};
  for (std::size_t p = 0; p < predictors.size(); ++p) {
    for (std::size_t b = 0; b < LinkHits::budgets; ++b) {
      const auto named = by_group([&](const LinkHits& group) { return (group.*predictors[p].named)[b]; });
      out.hits[p][b] = ratio_of(
          {measurement::of(measurement::prefetch_hits, fmt::format("{}, {}K", predictors[p].name, b + 1)),
           0.0,
           {},
           {},
           "fraction of routes",
           units,
           out.index},
          named, all, options);
    }
    std::vector<double> beyond, open;
    for (const LinkHits& group : found) {
      beyond.push_back((group.*predictors[p].named)[gain_budget] - group.popular[gain_budget]);
      open.push_back(group.values - group.popular[gain_budget]);
    }
    out.gain[p] = ratio_of({measurement::of(measurement::prefetch_gain, predictors[p].name),
                            0.0,
                            {},
                            {},
                            "fraction of the routes that popularity misses",
                            units,
                            out.index},
                           beyond, open, options);
  }
  return out;
}

bool is_drawn(std::size_t predictor, const std::vector<Foretold>& layers) {
  return !predictors[predictor].needs_scores || std::ranges::all_of(layers, &Foretold::scored);
}

/// Hits by how much is fetched, over all layers.
Chart by_budget(const std::vector<Foretold>& layers) {
  Chart chart;
  chart.id = "hits-by-budget";
  chart.kind = Chart::Kind::lines;
  chart.title = "needed experts that were fetched ahead, mean over layers";
  chart.x = "experts fetched, as a multiple of K";
  chart.y = "fraction of routes";
  for (std::size_t p = 0; p < predictors.size(); ++p) {
    if (!is_drawn(p, layers)) continue;
    Chart::Series series{predictors[p].name, {}, {}, {}, {}, {}};
    for (std::size_t b = 0; b < LinkHits::budgets; ++b) {
      double sum = 0.0;
      for (const Foretold& layer : layers) sum += layer.hits[p][b].value;
      series.x.push_back(static_cast<double>(b + 1));
      series.y.push_back(sum / static_cast<double>(layers.size()));
    }
    chart.series.push_back(std::move(series));
  }
  return chart;
}

/// Hits at 2K, layer by layer, with their intervals where every layer has one.
Chart by_layer(const std::vector<Foretold>& layers) {
  Chart chart;
  chart.id = "hits-by-layer";
  chart.kind = Chart::Kind::lines;
  chart.title = "needed experts among 2K fetched ahead";
  chart.x = "layer";
  chart.y = "fraction of routes";
  for (std::size_t p = 0; p < predictors.size(); ++p) {
    if (!is_drawn(p, layers)) continue;
    Chart::Series series{predictors[p].name, {}, {}, {}, {}, {}};
    for (const Foretold& layer : layers) {
      const Measurement& hits = layer.hits[p][gain_budget];
      series.x.push_back(static_cast<double>(raw(layer.index)));
      series.y.push_back(hits.value);
      if (hits.lower) series.lower.push_back(*hits.lower), series.upper.push_back(*hits.upper);
    }
    if (series.lower.size() != series.y.size()) series.lower.clear(), series.upper.clear();
    chart.series.push_back(std::move(series));
  }
  return chart;
}

Outcome run_expert_prefetch(const CheckContext& context) {
  const auto trace = context.observations.base();
  if (!trace) return trace.error();
  if (trace->layers.size() < 2) return Skipped{"one routed layer: no layer before it foretells its experts"};
  std::vector<Foretold> found(trace->layers.size() - 1);
  evidence::for_each_layer(context.observations, found.size(), [&](std::size_t l) {
    found[l] = foretell(*trace, trace->layers[l], trace->layers[l + 1], context);
  });
  std::erase_if(found, [](const Foretold& layer) { return layer.routes == 0.0; });
  if (found.empty()) return Skipped{"no route was made in any layer behind another"};
  Ran ran;
  for (const Foretold& layer : found) {
    for (std::size_t p = 0; p < predictors.size(); ++p) {
      if (predictors[p].needs_scores && !layer.scored) continue;
      std::ranges::copy(layer.hits[p], std::back_inserter(ran.measurements));
      if (p != by_popularity) ran.measurements.push_back(layer.gain[p]);
    }
  }
  ran.charts.push_back(by_budget(found));
  if (found.size() > 1) ran.charts.push_back(by_layer(found));
  return ran;
}

}  // namespace

const Check expert_prefetch_check{
    "expert-prefetch",
    "How well a layer's experts are foretold by the layer before",
    "Measures how many of the experts that a token needs were among 1 to 4 times K experts fetched ahead: by "
    "a "
    "table from the experts of the layer before, by a linear map of its scores, and by popularity alone, on "
    "tokens of other sequences than those learned from. It says what a server that loads experts on demand "
    "could gain.",
    {.routes = true},
    run_expert_prefetch,
    {},
    Effort{.passes = 25.0},
};

}  // namespace pastonly::audits

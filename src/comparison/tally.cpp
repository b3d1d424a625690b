#include "comparison/tally.h"

#include <algorithm>
#include <numeric>
#include <string>

#include "pastonly/names.h"
#include "stats/bootstrap.h"

namespace pastonly::comparison {
namespace {

double ratio(std::size_t part, std::size_t whole) {
  return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
}

/// A layer's part of one run; `earlier` tells whether a layer before it had changed in that run.
void attribute(const LayerDifference& from, bool earlier, LayerTally& to) {
  if (!from.changed()) return;
  to.changed = true;
  if (!from.scored) {
    to.unscored = to.unscored || !earlier;
    return;
  }
  if (from.scores_moved > 0) (earlier ? to.contaminated : to.scoring) = true;
  if (from.own_changes == 0) return;
  if (from.flips == 0)
    to.gate = true;
  else if (earlier)
    to.later_selection = true;
  else if (from.scores_moved == 0)
    to.selection = true;
}

void add_layer(const LayerDifference& from, LayerTally& to) {
  to.tokens += from.tokens;
  to.decisions += from.decisions;
  to.routes += from.routes;
  to.flips += from.flips;
  to.rounding_flips += from.rounding_flips;
  to.scores_moved += from.scores_moved;
  to.scores_rounded += from.scores_rounded;
  to.gates_moved += from.gates_moved;
  to.largest_score = std::max(to.largest_score, from.largest_score);
  to.run_flips.push_back(static_cast<double>(from.flips));
  to.run_decisions.push_back(static_cast<double>(from.decisions));
}

}  // namespace

void Tally::add(const Difference& difference) {
  layers.resize(difference.layers.size());
  bool earlier = false;
  for (std::size_t l = 0; l < layers.size(); ++l) {
    add_layer(difference.layers[l], layers[l]);
    attribute(difference.layers[l], earlier, layers[l]);
    earlier = earlier || difference.layers[l].changed();
  }
  log_probs += difference.log_probs;
  log_probs_moved += difference.log_probs_moved;
  largest_log_prob = std::max(largest_log_prob, difference.largest_log_prob);
  ++runs;
  runs_changed += difference.changed() ? 1 : 0;
}

std::size_t Tally::flips() const noexcept {
  return std::accumulate(layers.begin(), layers.end(), std::size_t{0},
                         [](std::size_t sum, const LayerTally& layer) { return sum + layer.flips; });
}
std::size_t Tally::decisions() const noexcept {
  return std::accumulate(layers.begin(), layers.end(), std::size_t{0},
                         [](std::size_t sum, const LayerTally& layer) { return sum + layer.decisions; });
}
std::size_t Tally::rounding_flips() const noexcept {
  return std::accumulate(layers.begin(), layers.end(), std::size_t{0},
                         [](std::size_t sum, const LayerTally& layer) { return sum + layer.rounding_flips; });
}
std::size_t Tally::scores_rounded() const noexcept {
  return std::accumulate(layers.begin(), layers.end(), std::size_t{0},
                         [](std::size_t sum, const LayerTally& layer) { return sum + layer.scores_rounded; });
}

std::vector<Measurement> measurements(const Tally& tally, const Trace& base, std::string_view prefix,
                                      double alpha, std::uint64_t seed) {
  std::vector<Measurement> out;
  const std::string before(prefix);
  for (std::size_t l = 0; l < tally.layers.size(); ++l) {
    const LayerTally& layer = tally.layers[l];
    const LayerIndex index = base.layers[l].index;
    const auto add = [&](const char* name, std::size_t part, std::size_t whole) -> Measurement& {
      out.push_back({before + name, ratio(part, whole), {}, {}, "fraction", whole, index});
      return out.back();
    };
    Measurement& rate = add(measurement::flip_rate_decisions, layer.flips, layer.decisions);
    stats::BootstrapOptions options;
    options.alpha = alpha;
    options.seed = seed;
    options.stream = l;
    if (layer.flips > 0) {
      if (const auto interval = stats::bootstrap_ratio(layer.run_flips, layer.run_decisions, options)) {
        rate.lower = interval->lower;
        rate.upper = interval->upper;
      }
    }
    // Where flips crowd just before the cut, short prefixes weigh more in a mean of runs than in the pool.
    std::vector<double> shares;
    for (std::size_t r = 0; r < layer.run_flips.size(); ++r) {
      if (layer.run_decisions[r] > 0.0) shares.push_back(layer.run_flips[r] / layer.run_decisions[r]);
    }
    const double sum = std::accumulate(shares.begin(), shares.end(), 0.0);
    const double runs = static_cast<double>(std::max<std::size_t>(1, shares.size()));
    out.push_back(
        {before + measurement::run_flip_rate, sum / runs, {}, {}, "fraction", shares.size(), index});
    add(measurement::flip_rate_routes, layer.flips, layer.routes);
    if (base.layers[l].ranking()) add(measurement::moved_scores, layer.scores_moved, layer.tokens);
    if (layer.rounding_flips > 0) {
      out.push_back({before + measurement::rounding_flips,
                     static_cast<double>(layer.rounding_flips),
                     {},
                     {},
                     "decisions",
                     layer.decisions,
                     index});
    }
  }
  if (tally.log_probs > 0) {
    out.push_back({before + measurement::moved_log_probs,
                   ratio(tally.log_probs_moved, tally.log_probs),
                   {},
                   {},
                   "fraction",
                   tally.log_probs,
                   {}});
    out.push_back({before + measurement::largest_log_prob_change,
                   tally.largest_log_prob,
                   {},
                   {},
                   "nats",
                   tally.log_probs,
                   {}});
  }
  return out;
}

LayerFacts::Origin origin(const LayerTally& layer, std::optional<bool> causal_given_scores) {
  LayerFacts::Origin out;
  out.contaminated = layer.contaminated;
  const bool passes_on = causal_given_scores.value_or(false);
  if (layer.scoring) {
    out.kind = "scoring";
  } else if (layer.selection || (layer.later_selection && !passes_on)) {
    out.kind = "selection";
  } else if (layer.gate) {
    out.kind = "gate";
  } else {
    out.kind = layer.unscored ? "unknown" : "none";
  }
  return out;
}

}  // namespace pastonly::comparison

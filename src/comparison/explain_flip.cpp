#include "comparison/explain_flip.h"

#include <algorithm>
#include <vector>

#include "pastonly/router_order.h"
#include "pastonly/routing_rule.h"
#include "replay/replay_rule.h"
#include "routing/rule_traits.h"

namespace pastonly::comparison {
namespace {

constexpr std::size_t most_tries = 64;
constexpr std::size_t most_scores = 4000000;

/// Scores in router order, (tokens, experts).
std::vector<float> router_scores(const Trace& trace, const LayerRecord& layer) {
  std::vector<float> out(trace.layout.tokens() * layer.experts), scratch;
  const auto scores = read_floats(*layer.ranking(), 0, trace.layout.tokens(), scratch);
  to_router_order(trace.layout, layer.experts, scores.data(), out.data());
  return out;
}

std::optional<double> threshold(const Trace& trace, const LayerRecord& layer, std::size_t row,
                                std::size_t position, std::size_t expert, std::size_t chunk) {
  const Mask mask = read_mask(layer);
  const std::size_t at = trace.layout.router_index(row, position) / chunk;
  std::vector<float> scratch;
  std::optional<double> lowest;
  for (std::size_t r = 0; r < trace.layout.sequences; ++r) {
    for (std::size_t s = 0; s < trace.layout.positions; ++s) {
      const std::size_t token = trace.layout.token(r, s);
      if (trace.layout.router_index(r, s) / chunk != at || !mask(token, expert)) continue;
      const double score = read_floats(*layer.ranking(), token, 1, scratch)(0, expert);
      if (!lowest || score < *lowest) lowest = score;
    }
  }
  return lowest;
}

/// Whether the expert takes the token where its score reaches the threshold, and only there.
bool says(const Trace& trace, const LayerRecord& layer, std::size_t row, std::size_t position,
          std::size_t expert, const std::optional<double>& threshold, bool taken) {
  if (!threshold) return true;
  std::vector<float> scratch;
  const double score =
      read_floats(*layer.ranking(), trace.layout.token(row, position), 1, scratch)(0, expert);
  return (score >= *threshold) == taken;
}

std::optional<std::size_t> chunk_of(const LayerFacts::Rule& rule) {
  const auto width = rule.parameters.integer("chunk");
  if (!width || *width < 1 || routing::rule_traits(*rule.id).asks != routing::Asks::expert)
    return std::nullopt;
  return static_cast<std::size_t>(*width);
}

/// Tokens that changed, those first whose decision for the expert changed as well.
std::vector<FlipExplanation::Token> tokens_to_try(const Trace& base, const Trace& run, std::size_t layer,
                                                  std::size_t expert) {
  const Mask before = read_mask(base.layers[layer]), after = read_mask(run.layers[layer]);
  std::vector<FlipExplanation::Token> first, rest;
  for (std::size_t row = 0; row < base.layout.sequences; ++row) {
    for (std::size_t s = 0; s < base.layout.positions; ++s) {
      const std::size_t token = base.layout.token(row, s);
      if (base.tokens[token] == run.tokens[token]) continue;
      (before(token, expert) != after(token, expert) ? first : rest).push_back({row, s});
    }
  }
  first.insert(first.end(), rest.begin(), rest.end());
  first.resize(std::min(first.size(), most_tries));
  return first;
}

std::optional<FlipExplanation::Token> single_token(const Trace& base, const Trace& run, std::size_t layer,
                                                   const Flip& flip, const LayerFacts::Rule& rule) {
  const auto made = replay::make_identified(rule);
  if (!made) return std::nullopt;
  const std::size_t experts = base.layers[layer].experts;
  std::vector<float> scores = router_scores(base, base.layers[layer]);
  const std::vector<float> changed = router_scores(run, run.layers[layer]);
  RoutingContext context;
  context.layout = base.layout;
  const std::size_t at = base.layout.router_index(flip.row, flip.position);
  Routing routing;
  const auto chosen = [&] {
    made->select({scores.data(), base.layout.tokens(), experts}, context, routing);
    return routing.mask(at, flip.expert) != 0;
  };
  // A rule that does not even make the base's decision here has nothing to say.
  if (chosen() == flip.after) return std::nullopt;
  for (const auto& token : tokens_to_try(base, run, layer, flip.expert)) {
    const std::size_t first = base.layout.router_index(token.row, token.position) * experts;
    const std::vector<float> own(scores.begin() + first, scores.begin() + first + experts);
    std::copy_n(changed.begin() + first, experts, scores.begin() + first);
    if (chosen() == flip.after) return token;
    std::copy(own.begin(), own.end(), scores.begin() + first);
  }
  return std::nullopt;
}

}  // namespace

FlipExplanation explain_flip(const Trace& base, const Trace& run, std::size_t layer, const Flip& flip,
                             const LayerFacts::Rule& rule) {
  FlipExplanation out;
  const LayerRecord& before = base.layers[layer];
  const LayerRecord& after = run.layers[layer];
  if (!rule.id || !before.ranking() || !after.ranking()) return out;
  if (const auto chunk = chunk_of(rule)) {
    out.threshold_before = threshold(base, before, flip.row, flip.position, flip.expert, *chunk);
    out.threshold_after = threshold(run, after, flip.run_row, flip.position, flip.expert, *chunk);
    // Elsewhere other tokens compete than those of the chunk, in the order of a shuffle for example.
    if (!says(base, before, flip.row, flip.position, flip.expert, out.threshold_before, !flip.after) ||
        !says(run, after, flip.run_row, flip.position, flip.expert, out.threshold_after, flip.after))
      out.threshold_before = out.threshold_after = std::nullopt;
  }
  const bool comparable = base.layout == run.layout && !base.tokens.empty() && !run.tokens.empty() &&
                          base.valid.empty() && flip.run_row == flip.row;
  if (comparable && base.layout.tokens() * before.experts <= most_scores) {
    out.single_token = single_token(base, run, layer, flip, rule);
  }
  return out;
}

}  // namespace pastonly::comparison

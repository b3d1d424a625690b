#include "routing/identify/simple/simple_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <unordered_map>

#include "routing/identify/shared/batches.h"
#include "routing/rule_ids.h"

namespace pastonly::routing::hypotheses {
namespace {

constexpr std::size_t enough_repeats = 16;  // a table needs ids that come back before it says anything

struct Column {
  std::int32_t lowest_chosen = highest_key;
  std::int32_t highest_left = lowest_key;
  bool rounded = false;  ///< scores recorded in half precision: what differed may look equal
  bool touching() const noexcept { return lowest_chosen == highest_left; }
  // A threshold treats equal scores alike, unlike a rule that fills up a count.
  bool separable() const noexcept {
    return rounded ? lowest_chosen >= highest_left : lowest_chosen > highest_left;
  }
};

std::vector<Column> columns(const RunSet& runs) {
  std::vector<Column> all(runs.experts());
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const auto& profile = runs.profile(i);
    for (std::size_t e = 0; e < all.size(); ++e) {
      all[e].lowest_chosen = std::min(all[e].lowest_chosen, profile.lowest_chosen[e]);
      all[e].highest_left = std::max(all[e].highest_left, profile.highest_left[e]);
    }
  }
  if (std::ranges::none_of(all, &Column::touching)) return all;
  bool rounded = false;
  for (std::size_t i = 0; i < runs.size() && !rounded; ++i)
    rounded = runs.view(i)->score_rounding() > coarse_rounding;
  for (auto& column : all) column.rounded = rounded;
  return all;
}

/// The largest score that was left out: s > theta is then exact. Where nothing was left out, just below
/// the lowest chosen.
double threshold_of(const Column& column) {
  if (column.highest_left != lowest_key) return from_order_key(column.highest_left);
  return std::nextafter(from_order_key(column.lowest_chosen), -std::numeric_limits<float>::infinity());
}

/// The first token of any run that expert e left out at or above `key` (chosen = false), or took at or
/// below it.
std::optional<Counterexample> find_token(const RunSet& runs, std::size_t e, const Column& column) {
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const auto view = runs.view(i);
    for (std::size_t token = 0; token < view->tokens(); ++token) {
      if (!view->routed(token) || view->mask()(token, e) != 0) continue;
      if (order_key(view->scores()(token, e)) < column.lowest_chosen) continue;
      return place(*view, token,
                   fmt::format("expert {} left out a score of {:.6g} and took one of {:.6g}", e,
                               view->scores()(token, e), from_order_key(column.lowest_chosen)),
                   {{"expert", e},
                    {"left_score", static_cast<double>(view->scores()(token, e))},
                    {"chosen_score", static_cast<double>(from_order_key(column.lowest_chosen))}});
    }
  }
  return std::nullopt;
}

/// Whether one known constant serves all experts, so that no batch set it.
bool separates(const std::vector<Column>& columns, float constant) {
  const std::int32_t key = order_key(constant);
  return std::ranges::all_of(
      columns, [&](const Column& one) { return one.highest_left <= key && key < one.lowest_chosen; });
}

void try_predictor(const RunSet& runs, const Column& column, Findings& findings) {
  const double half = runs.run(0).layer->scores ? 0.5 : 0.0;  // sigmoid(0) = 1/2
  for (const double threshold : {half, 0.0}) {
    const std::int32_t key = order_key(static_cast<float>(threshold));
    if (column.highest_left <= key && key < column.lowest_chosen) {
      findings.accept(ids::mixture_of_depths_predictor, {{"threshold", threshold}});
      return;
    }
  }
  findings.reject(ids::mixture_of_depths_predictor, "the threshold is not one half");
}

/// How far the chosen scores add up above what equal shares drawn by chance would, in standard deviations;
/// infinity where scores say nothing. An expert's own level does not count: equal shares fix how often it
/// adds.
double worth_above_chance(const RunView& view, const std::vector<std::uint32_t>& counts,
                          const std::vector<double>& score_sums) {
  const std::size_t experts = view.experts();
  const auto tokens = static_cast<double>(std::accumulate(counts.begin(), counts.end(), std::uint64_t{0}));
  double worth = 0.0, variance = 0.0;
  std::vector<double> centred(experts);
  for (std::size_t token = 0; token < view.tokens(); ++token) {
    if (!view.routed(token)) continue;
    const auto scores = view.scores().row(token);
    const auto mask = view.mask().row(token);
    double mean = 0.0;
    for (std::size_t e = 0; e < experts; ++e) {
      centred[e] = static_cast<double>(scores[e]) - score_sums[e] / tokens;
      mean += centred[e] / static_cast<double>(experts);
    }
    for (std::size_t e = 0; e < experts; ++e) {
      const double value = centred[e] - mean;
      variance += value * value / static_cast<double>(experts);
      if (mask[e] != 0) worth += value;
    }
  }
  if (std::isfinite(worth) && variance > 0.0) return worth / std::sqrt(variance);
  return std::numeric_limits<double>::infinity();
}

}  // namespace

void try_threshold(const RunSet& runs, Findings& findings) {
  const auto all = columns(runs);
  Value::Array thresholds;
  for (std::size_t e = 0; e < all.size(); ++e) {
    if (!all[e].separable()) {
      if (auto at = find_token(runs, e, all[e])) findings.reject(ids::expert_threshold, std::move(*at));
      return;
    }
    const double threshold = threshold_of(all[e]);
    thresholds.emplace_back(std::clamp(threshold, -static_cast<double>(std::numeric_limits<float>::max()),
                                       static_cast<double>(std::numeric_limits<float>::max())));
  }
  findings.accept(ids::expert_threshold, {{"thresholds", std::move(thresholds)}});
  // Thresholds that fit one batch may have been computed from it.
  if (!separates(all, 0.0F) && !several_batches(runs)) findings.candidates.back().causal.reset();
  if (runs.experts() == 1) try_predictor(runs, all.front(), findings);
}

void try_hash(const RunSet& runs, Findings& findings) {
  if (runs.smallest_count() != runs.largest_count() || runs.largest_count() == 0) return;
  struct First {
    std::size_t run, token;
  };
  std::unordered_map<std::int64_t, First> table;
  std::size_t repeats = 0;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const auto view = runs.view(i);
    const auto& ids = runs.run(i).tokens;
    if (ids.size() != view->tokens()) return;
    for (std::size_t token = 0; token < view->tokens(); ++token) {
      if (!view->routed(token)) continue;
      const auto [known, added] = table.try_emplace(ids[token], First{i, token});
      // Another run shows the same tokens again; only new places within a run are evidence.
      if (!added && known->second.run == i) ++repeats;
      if (added) continue;
      const auto first = known->second.run == i ? view : runs.view(known->second.run);
      if (std::ranges::equal(view->mask().row(token), first->mask().row(known->second.token))) continue;
      findings.reject(
          ids::hash,
          place(*view, token,
                fmt::format("token id {} went to other experts than at its first place (run {} "
                            "row {} position {})",
                            ids[token], first->run().run, known->second.token / first->layout().positions,
                            known->second.token % first->layout().positions)));
      return;
    }
  }
  if (repeats < enough_repeats) return;
  findings.accept(ids::hash, {{"k", runs.largest_count()}});
}

void try_assignment(const RunSet& runs, Findings& findings) {
  if (runs.experts() < 2) return;
  if (runs.smallest_count() != 1 || runs.largest_count() != 1) {
    findings.reject(ids::assignment, "tokens do not take one expert each");
    return;
  }
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const auto& profile = runs.profile(i);
    for (std::size_t e = 0; e < runs.experts(); ++e) {
      if (profile.expert_counts[e] * runs.experts() == profile.tokens) continue;
      findings.reject(ids::assignment,
                      fmt::format("run {}: expert {} took {} of {} tokens, not one in {}", runs.run(i).run, e,
                                  profile.expert_counts[e], profile.tokens, runs.experts()));
      return;
    }
    const double gain = worth_above_chance(*runs.view(i), profile.expert_counts, profile.score_sums);
    if (gain >= std::min(4.0, 0.5 * std::sqrt(static_cast<double>(profile.tokens)))) continue;
    findings.reject(ids::assignment,
                    fmt::format("run {}: every expert took as many tokens, but not those that score high for "
                                "it: {:.1f} standard deviations above a random division",
                                runs.run(i).run, gain));
    return;
  }
  findings.accept(ids::assignment, {});
}

}  // namespace pastonly::routing::hypotheses

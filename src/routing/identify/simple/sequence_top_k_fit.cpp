#include "routing/identify/simple/sequence_top_k_fit.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "routing/identify/shared/candidate_parameters.h"
#include "routing/identify/shared/reproduces.h"
#include "routing/rule_ids.h"

namespace pastonly::routing::hypotheses {
namespace {

/// What one group says: how many pairs were taken, and between which scores the cut lies.
struct PooledGroup {
  std::size_t tokens = 0, taken = 0;
  std::int32_t lowest_taken = highest_key, highest_left = lowest_key;

  void add(const RunView& view, std::size_t token) {
    if (!view.routed(token)) return;
    ++tokens;
    const auto scores = view.scores().row(token);
    const auto mask = view.mask().row(token);
    for (std::size_t e = 0; e < scores.size(); ++e) {
      const std::int32_t key = order_key(scores[e]);
      if (mask[e] != 0) {
        ++taken;
        lowest_taken = std::min(lowest_taken, key);
      } else {
        highest_left = std::max(highest_left, key);
      }
    }
  }
};

/// k where every group took exactly k pairs per token; 0 where none does. Read from the profiles alone.
std::size_t budget(const RunSet& runs, const Grouping& grouping) {
  std::size_t k = 0;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const auto& profile = runs.profile(i);
    const std::size_t taken =
        std::accumulate(profile.expert_counts.begin(), profile.expert_counts.end(), std::size_t{0});
    if (profile.tokens == 0) continue;
    if (taken % profile.tokens != 0 || (k != 0 && taken != k * profile.tokens)) return 0;
    k = taken / profile.tokens;
    if (!grouping.per_sequence || runs.view(i)->has_padding()) continue;
    const auto& counts = profile.sequence_counts;
    for (std::size_t first = 0; first < counts.size(); first += runs.experts()) {
      const auto from = counts.begin() + static_cast<std::ptrdiff_t>(first);
      const auto to = from + static_cast<std::ptrdiff_t>(runs.experts());
      if (std::accumulate(from, to, std::size_t{0}) != k * runs.run(i).layout.positions) return 0;
    }
  }
  return k < runs.experts() ? k : 0;
}

bool fits_budget(const RunSet& runs, const Grouping& grouping, std::size_t k,
                 std::optional<Counterexample>& at) {
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const auto view = runs.view(i);
    const Groups groups(view->layout(), grouping);
    for (std::size_t group = 0; group < groups.count(); ++group) {
      PooledGroup pool;
      for (std::size_t index = 0; index < groups.size(); ++index) pool.add(*view, groups.token(group, index));
      if (pool.taken == k * pool.tokens && pool.lowest_taken >= pool.highest_left) continue;
      at = place(
          *view, groups.token(group, groups.size() - 1),
          fmt::format("the {} ending here took {} pairs of {} tokens, down to a score of {:.6g}, and left "
                      "out one of {:.6g}",
                      grouping.per_sequence ? "sequence" : "batch", pool.taken, pool.tokens,
                      from_order_key(pool.lowest_taken), from_order_key(pool.highest_left)));
      return false;
    }
  }
  return true;
}

void write_scope(const RunSet& runs, const Grouping& grouping, Value::Object& parameters) {
  bool several = false;
  for (std::size_t i = 0; i < runs.size(); ++i) several |= runs.run(i).layout.sequences > 1;
  if (!grouping.per_sequence && several) parameters.emplace_back("scope", "batch");
}

}  // namespace

void try_sequence_top_k(const RunSet& runs, Findings& findings) {
  if (findings.accepted(ids::top_k) || runs.experts() < 2 || runs.smallest_count() == runs.largest_count())
    return;
  std::optional<Counterexample> at;
  for (const bool per_sequence : {true, false}) {
    const Grouping grouping{.per_sequence = per_sequence};
    const std::size_t k = budget(runs, grouping);
    if (k == 0 || !fits_budget(runs, grouping, k, at)) continue;
    Value::Object parameters{{"k", k}};
    write_scope(runs, grouping, parameters);
    findings.accept(ids::sequence_top_k, std::move(parameters));
    return;
  }
  if (at) {
    findings.reject(ids::sequence_top_k, std::move(*at));
  } else {
    findings.reject(ids::sequence_top_k,
                    "sequences do not take a whole number of experts per token on average");
  }
}

void try_streaming_top_k(const RunSet& runs, Findings& findings) {
  if (findings.accepted(ids::top_k) || runs.experts() < 2 || runs.smallest_count() == runs.largest_count())
    return;
  const auto first = runs.view(0);
  std::size_t token = 0;
  while (token < first->tokens() && !first->routed(token)) ++token;
  if (token == first->tokens()) return;
  const auto row = first->mask().row(token);
  const auto k =
      static_cast<std::size_t>(std::ranges::count_if(row, [](std::uint8_t bit) { return bit != 0; }));
  if (k == 0 || k >= runs.experts()) return;
  for (const auto& grouping : groupings(runs, true)) {
    Parameters parameters{{"k", k}};
    write_scope(runs, grouping, parameters);
    write_grouping(runs, grouping, parameters);
    std::erase_if(parameters, [](const auto& entry) { return entry.second == "sequence"; });  // as it is
    const auto rule = make_rule(ids::sequence_top_k_streaming, parameters);
    const bool starts_alone = grouping.per_sequence || runs.run(0).layout.sequences == 1 ||
                              grouping.order == TokenOrder::batch_major;
    if (!rule || (starts_alone && !reproduces_start(runs, **rule)) || !reproduces(runs, **rule)) continue;
    findings.accept(ids::sequence_top_k_streaming, std::move(parameters));
    return;
  }
}

}  // namespace pastonly::routing::hypotheses

#include "routing/identify/capacity/rank_fit.h"

#include <algorithm>
#include <map>
#include <span>
#include <vector>

#include "routing/identify/shared/candidate_parameters.h"
#include "routing/identify/shared/reproduces.h"
#include "routing/rule_ids.h"
#include "routing/selection/top_k.h"

namespace pastonly::routing::hypotheses {
namespace {

constexpr std::size_t most_scores_ranked = std::size_t{1} << 24;  // of all runs

/// Per expert of one group: how many tokens want it among their k best, and how many it kept.
struct RankDemand {
  std::size_t tokens = 0;  ///< routed together
  std::vector<std::size_t> wanted, kept;
};

std::vector<RankDemand> rank_demands(const RunSet& runs, const Grouping& grouping, std::size_t k) {
  std::vector<RankDemand> all;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const auto view = runs.view(i);
    const Groups groups(view->layout(), grouping);
    const std::size_t first = all.size();
    const std::vector<std::size_t> none(runs.experts(), 0);
    all.resize(first + groups.count(), {groups.size(), none, none});
    const Choices choices = top_choices(view->scores(), k);
    for (std::size_t token = 0; token < view->tokens(); ++token) {
      if (!view->routed(token)) continue;
      auto& demand = all[first + groups.group_of(token)];
      for (const auto e : choices.of(token)) ++demand.wanted[e];
      for (std::size_t e = 0; e < runs.experts(); ++e) demand.kept[e] += view->mask()(token, e);
    }
  }
  return all;
}

/// Slots by the number of tokens routed together.
using RankSlots = std::map<std::size_t, std::size_t>;

/// What the fullest rank of any group kept.
RankSlots fullest(const std::vector<RankDemand>& demands, std::size_t block) {
  RankSlots slots;
  for (const auto& demand : demands) {
    auto& most = slots[demand.tokens];
    for (std::size_t first = 0; first < demand.kept.size(); first += block) {
      std::size_t sum = 0;
      for (std::size_t e = first; e < first + block; ++e) sum += demand.kept[e];
      most = std::max(most, sum);
    }
  }
  return slots;
}

/// Whether every expert kept as many as the experts before it on its rank left room for.
bool counts_follow(const std::vector<RankDemand>& demands, std::size_t block, const RankSlots& slots) {
  for (const auto& demand : demands) {
    std::size_t room = 0;
    for (std::size_t e = 0; e < demand.kept.size(); ++e) {
      if (e % block == 0) room = slots.at(demand.tokens);
      if (demand.kept[e] != std::min(room, demand.wanted[e])) return false;
      room -= demand.kept[e];
    }
  }
  return true;
}

Value::Object parameters_of(const RunSet& runs, const Grouping& grouping, std::size_t k, std::size_t ranks,
                            std::size_t capacity) {
  Value::Object parameters{{"k", k}, {"ranks", ranks}, {"capacity", capacity}};
  write_grouping(runs, grouping, parameters);
  return parameters;
}

bool fits_ranks(const RunSet& runs, const Grouping& grouping, std::size_t k, std::size_t ranks,
                const RankSlots& slots) {
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const std::size_t capacity = slots.at(Groups(runs.run(i).layout, grouping).size());
    if (capacity == 0) return false;
    const auto rule = make_rule(ids::rank_capacity, parameters_of(runs, grouping, k, ranks, capacity));
    if (!rule || !reproduces(runs, i, **rule)) return false;
  }
  return true;
}

/// The fewest ranks that fit, with other numbers of them beside it; empty where none does.
Value::Object fit_ranks(const RunSet& runs, const Grouping& grouping, std::size_t k) {
  const std::size_t experts = runs.experts();
  const auto demands = rank_demands(runs, grouping, k);
  const std::size_t base = Groups(runs.run(0).layout, grouping).size();
  Value::Object parameters;
  Value::Array others;
  for (std::size_t ranks = 1; 2 * ranks <= experts; ++ranks) {
    if (experts % ranks != 0) continue;
    const auto slots = fullest(demands, experts / ranks);
    if (!counts_follow(demands, experts / ranks, slots) || !fits_ranks(runs, grouping, k, ranks, slots))
      continue;
    if (parameters.empty()) {
      parameters = parameters_of(runs, grouping, k, ranks, slots.at(base));
      if (slots.size() > 1) parameters.emplace_back("capacities", capacity_list(slots));
    } else {
      others.emplace_back(Value::Object{{"ranks", ranks}, {"capacity", slots.at(base)}});
    }
  }
  if (!others.empty()) parameters.emplace_back("ranks_or", std::move(others));
  return parameters;
}

}  // namespace

void try_rank_capacity(const RunSet& runs, Findings& findings) {
  const std::size_t experts = runs.experts();
  // Who drops nothing has no capacity.
  const bool dropless = findings.accepted(ids::top_k) || findings.accepted(ids::expert_choice);
  if (experts < 2 || dropless || runs.tokens() * experts > most_scores_ranked) return;
  const std::size_t k = runs.deepest_rank();
  for (const auto& grouping : groupings(runs, true)) {
    auto parameters = fit_ranks(runs, grouping, k);
    if (parameters.empty()) continue;
    findings.accept(ids::rank_capacity, std::move(parameters));
    return;
  }
  findings.reject(ids::rank_capacity,
                  "no number of ranks and no capacity of theirs gives the decisions again");
}

}  // namespace pastonly::routing::hypotheses

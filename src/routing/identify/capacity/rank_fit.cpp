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

/// Of every sequence.
std::vector<RankDemand> sequence_demands(const RunSet& runs, std::size_t k) {
  std::vector<RankDemand> all;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const auto view = runs.view(i);
    const Layout& layout = view->layout();
    const std::vector<std::size_t> none(runs.experts(), 0);
    const Choices choices = top_choices(view->scores(), k);
    for (std::size_t row = 0; row < layout.sequences; ++row) {
      auto& demand = all.emplace_back(RankDemand{layout.positions, none, none});
      for (std::size_t position = 0; position < layout.positions; ++position) {
        const std::size_t token = layout.token(row, position);
        if (!view->routed(token)) continue;
        for (const auto e : choices.of(token)) ++demand.wanted[e];
        for (std::size_t e = 0; e < runs.experts(); ++e) demand.kept[e] += view->mask()(token, e);
      }
    }
  }
  return all;
}

/// The same of whole batches.
std::vector<RankDemand> batch_demands(const RunSet& runs, const std::vector<RankDemand>& sequences) {
  std::vector<RankDemand> all;
  auto next = sequences.begin();
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const Layout& layout = runs.run(i).layout;
    const std::vector<std::size_t> none(runs.experts(), 0);
    auto& demand = all.emplace_back(RankDemand{layout.tokens(), none, none});
    for (std::size_t row = 0; row < layout.sequences; ++row, ++next) {
      for (std::size_t e = 0; e < runs.experts(); ++e) {
        demand.wanted[e] += next->wanted[e];
        demand.kept[e] += next->kept[e];
      }
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
Value::Object fit_ranks(const RunSet& runs, const Grouping& grouping, std::size_t k,
                        const std::vector<RankDemand>& demands) {
  const std::size_t experts = runs.experts();
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
  if (k >= experts) {
    findings.reject(ids::rank_capacity, "some token took its worst expert: nothing was chosen");
    return;
  }
  const auto sequences = sequence_demands(runs, k);
  const auto batches = batch_demands(runs, sequences);
  for (const auto& grouping : groupings(runs, true)) {
    auto parameters = fit_ranks(runs, grouping, k, grouping.per_sequence ? sequences : batches);
    if (parameters.empty()) continue;
    findings.accept(ids::rank_capacity, std::move(parameters));
    return;
  }
  findings.reject(ids::rank_capacity,
                  "no number of ranks and no capacity of theirs gives the decisions again");
}

}  // namespace pastonly::routing::hypotheses

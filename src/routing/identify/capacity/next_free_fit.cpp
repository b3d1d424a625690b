#include "routing/identify/capacity/next_free_fit.h"

#include <algorithm>
#include <map>
#include <vector>

#include "routing/identify/capacity/bits_of_order.h"
#include "routing/identify/shared/candidate_parameters.h"
#include "routing/rule_ids.h"

namespace pastonly::routing::hypotheses {
namespace {

class NextFreeFit {
 public:
  NextFreeFit(const RunSet& runs, const Grouping& grouping)
      : runs_(runs), grouping_(grouping), k_(runs.largest_count()) {
    for (std::size_t i = 0; i < runs.size(); ++i) {
      auto& slots = capacity_[Groups(runs.run(i).layout, grouping).size()];
      for (const auto count : counts(i)) slots = std::max(slots, std::size_t{count});
    }
  }

  bool run() const {
    for (std::size_t i = 0; i < runs_.size(); ++i) {
      if (!fit_run(i)) return false;
    }
    return true;
  }
  /// One C for all numbers of tokens that were routed together.
  bool fixed() const { return capacity_.size() == 1; }
  /// As an order of admission: who was sent on is who came late.
  AdmissionFit order() const {
    AdmissionFit fit{Admission::first_come, grouping_, k_, {}};
    for (const auto& [tokens, slots] : capacity_) fit.slots[tokens] = {slots, true};
    return fit;
  }
  Value::Object describe() const {
    const std::size_t base = Groups(runs_.run(0).layout, grouping_).size();
    Value::Object parameters{{"k", k_}, {"capacity", capacity_.at(base)}};
    if (!fixed()) parameters.emplace_back("capacities", capacity_list(capacity_));
    parameters.emplace_back("overflow", "next");
    write_grouping(runs_, grouping_, parameters);
    return parameters;
  }

 private:
  const std::vector<std::uint32_t>& counts(std::size_t i) const {
    return grouping_.per_sequence ? runs_.profile(i).sequence_counts : runs_.profile(i).expert_counts;
  }
  bool fit_run(std::size_t i) const {
    const auto view = runs_.view(i);
    const Groups groups(view->layout(), grouping_);
    const std::size_t slots = capacity_.at(groups.size());
    for (std::size_t group = 0; group < groups.count(); ++group) {
      std::vector<std::size_t> room(view->experts(), slots);
      for (std::size_t index = 0; index < groups.size(); ++index) {
        const std::size_t token = groups.token(group, index);
        if (!view->routed(token)) continue;
        if (!fit_token(*view, token, room)) return false;
      }
    }
    return true;
  }
  bool fit_token(const RunView& view, std::size_t token, std::vector<std::size_t>& room) const {
    const auto scores = view.scores().row(token);
    const auto mask = view.mask().row(token);
    std::int32_t lowest = highest_key, highest = lowest_key;
    std::size_t taken = 0, free = 0;
    for (std::size_t e = 0; e < scores.size(); ++e) {
      if (room[e] == 0) {
        if (mask[e] != 0) return false;
        continue;
      }
      ++free;
      if (mask[e] != 0) {
        ++taken;
        --room[e];
        lowest = std::min(lowest, order_key(scores[e]));
      } else {
        highest = std::max(highest, order_key(scores[e]));
      }
    }
    return taken == std::min(k_, free) && lowest >= highest;
  }

  const RunSet& runs_;
  Grouping grouping_;
  std::size_t k_;
  std::map<std::size_t, std::size_t> capacity_;  // tokens routed together -> C
};

}  // namespace

void try_next_free(const RunSet& runs, Findings& findings) {
  for (const auto& grouping : groupings(runs, true)) {
    NextFreeFit fit(runs, grouping);
    if (!fit.run()) continue;
    const bool fixed = grouping.per_sequence && fit.fixed();
    const auto id = fixed                       ? ids::fixed_capacity
                    : runs.largest_count() == 1 ? ids::switch_capacity
                                                : ids::token_major_capacity;
    auto parameters = fit.describe();
    if (fixed) std::erase_if(parameters, [](const auto& entry) { return entry.first == "scope"; });
    findings.accept(id, std::move(parameters));
    if (findings.accepted(ids::assignment) && bits_of_order(runs, fit.order()) >= bits_beyond_chance) {
      std::erase_if(findings.candidates, [](const RuleCandidate& one) { return one.id == ids::assignment; });
      findings.reject(ids::assignment, "those sent on to another expert are those who came late");
    }
    return;
  }
}

}  // namespace pastonly::routing::hypotheses

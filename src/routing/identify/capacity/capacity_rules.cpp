#include "routing/identify/capacity/capacity_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "routing/identify/capacity/admission_fit.h"
#include "routing/identify/capacity/bits_of_order.h"
#include "routing/identify/capacity/capacity_candidates.h"
#include "routing/identify/capacity/next_free_fit.h"
#include "routing/identify/shared/candidate_parameters.h"
#include "routing/rule_ids.h"

namespace pastonly::routing::hypotheses {
namespace {

std::string_view rule_id(Admission admission, std::size_t k) {
  switch (admission) {
    case Admission::first_come:
      return k == 1 ? ids::switch_capacity : ids::token_major_capacity;
    case Admission::choice_major:
      return ids::gshard_top_2;
    case Admission::by_priority:
      return ids::batch_priority;
    case Admission::by_score:
    case Admission::by_share:
    case Admission::last_come:
      return ids::drop_by_score;
    case Admission::next_choice:
      return ids::next_choice;
    case Admission::by_chance:
      return ids::random_token;
  }
  return {};
}

/// Whether k choices among n experts can show the order. A token that wants every expert chooses nothing:
/// keeping the best scores is then expert choice, and chance explains whatever has even counts.
bool makes_sense(Admission order, std::size_t k, std::size_t experts) {
  switch (order) {
    case Admission::choice_major:
    case Admission::next_choice:
      return k >= 2;
    case Admission::by_share:
      return k >= 2 && k < experts;
    case Admission::by_score:
    case Admission::last_come:
    case Admission::by_chance:
      return k < experts;
    case Admission::first_come:
    case Admission::by_priority:
      return true;
  }
  return true;
}

/// The orders of token choice with a capacity, next_choice apart.
std::vector<Admission> all_orders() {
  return {Admission::first_come, Admission::choice_major, Admission::by_priority, Admission::by_score,
          Admission::by_share,   Admission::last_come,    Admission::by_chance};
}

/// Raises k while the fit holds. A wish more can only be refused, so the first failure ends it.
std::size_t most_choices(const RunSet& runs, const AdmissionFit& fit) {
  std::size_t k = fit.k;
  const bool all_may_be_wanted =
      fit.admission != Admission::by_share && makes_sense(fit.admission, runs.experts(), runs.experts());
  const std::size_t limit = all_may_be_wanted ? runs.experts() : runs.experts() - 1;
  std::vector<AdmissionFailure> failures;
  while (k < limit && fit_admissions(runs, fit.grouping, k + 1, {fit.admission}, failures).front()) ++k;
  return k;
}

/// What a capacity that no run has reached leaves: every order, with C at least the largest count.
AdmissionFit unreached(const RunSet& runs, Admission admission, std::size_t k) {
  AdmissionFit fit{admission, groupings(runs, false).front(), k, {}};
  for (std::size_t i = 0; i < runs.size(); ++i) {
    auto& slots = fit.slots[runs.run(i).layout.tokens()];
    slots.capacity = std::max<std::size_t>(slots.capacity, std::ranges::max(runs.profile(i).expert_counts));
  }
  return fit;
}

AdmissionFit unreached_per_sequence(const RunSet& runs, std::size_t k) {
  AdmissionFit fit{Admission::first_come, {.per_sequence = true}, k, {}};
  for (std::size_t i = 0; i < runs.size(); ++i) {
    auto& slots = fit.slots[runs.run(i).layout.positions];
    slots.capacity = std::max<std::size_t>(slots.capacity, std::ranges::max(runs.profile(i).sequence_counts));
  }
  return fit;
}

void accept_unreached(const RunSet& runs, std::size_t k, Findings& findings) {
  for (const auto admission : all_orders()) {
    if (!makes_sense(admission, k, runs.experts())) continue;
    accept_admission(runs, {unreached(runs, admission, k), k}, findings);
  }
  accept_admission(runs, {unreached_per_sequence(runs, k), k}, findings);
  if (k == 1) accept_admission(runs, {unreached(runs, Admission::next_choice, 2), 2}, findings);
}

class CapacityRules {
 public:
  CapacityRules(const RunSet& runs, Findings& findings) : runs_(runs), findings_(findings) {}

  /// `least_k`: the fewest choices that make sense of the orders.
  void try_all(std::size_t least_k, const std::vector<Admission>& orders) {
    std::vector<bool> fitted(orders.size(), false);
    nearest_.assign(orders.size(), std::nullopt);
    for (const auto& grouping : groupings(runs_, true)) {
      auto wanted = still_wanted(orders, fitted, grouping);
      std::vector<DroppedAdmission> dropped;
      drop_refuted(runs_, grouping, wanted, dropped);
      for (auto& one : dropped) note(index_of(orders, one.admission), std::move(one.failure));
      if (wanted.empty()) continue;
      const std::size_t k = std::max(least_k, deepest_rank());
      std::erase_if(wanted, [&](Admission order) { return !makes_sense(order, k, runs_.experts()); });
      std::vector<AdmissionFailure> failures;
      const auto fits = fit_admissions(runs_, grouping, k, wanted, failures);
      for (std::size_t w = 0; w < wanted.size(); ++w) {
        const std::size_t t = index_of(orders, wanted[w]);
        if (fits[w]) {
          fitted[t] = true;
          if (wanted[w] != Admission::by_chance) in_order_.push_back(*fits[w]);
          accept_admission(runs_, {*fits[w], most_choices(runs_, *fits[w])}, findings_);
        } else {
          note(t, std::move(failures[w]));
        }
      }
    }
    for (std::size_t t = 0; t < orders.size(); ++t) {
      const auto id = rule_id(orders[t], runs_.largest_count());
      if (fitted[t] || !nearest_[t] || findings_.accepted(id)) continue;
      findings_.reject(id, std::move(nearest_[t]->at));
    }
  }

  /// Chance explains whatever has the counts. It is left out where an order explains the runs that a draw
  /// would have given by a chance of 2^-64, and where tokens would have to want more than half of the experts
  /// and lose more than half of what they want.
  void leave_out_chance() {
    const bool improbable = std::ranges::any_of(
        in_order_, [&](const AdmissionFit& fit) { return bits_of_order(runs_, fit) >= bits_beyond_chance; });
    std::erase_if(findings_.candidates, [&](const RuleCandidate& one) {
      if (one.id != ids::random_token && one.id != ids::unstable_capacity) return false;
      return improbable || loses_most(one);
    });
  }

 private:
  bool loses_most(const RuleCandidate& one) const {
    const Value* k = one.parameters.find("k");
    if (k == nullptr || findings_.accepted(ids::top_k)) return false;
    const auto least = k->number() ? k->number() : k->number("min");
    if (!least || 2.0 * *least <= static_cast<double>(runs_.experts())) return false;
    std::size_t kept = 0;
    for (std::size_t i = 0; i < runs_.size(); ++i)
      kept =
          std::accumulate(runs_.profile(i).expert_counts.begin(), runs_.profile(i).expert_counts.end(), kept);
    return 2.0 * static_cast<double>(kept) < *least * static_cast<double>(runs_.tokens());
  }
  /// First-come is tried per sequence even where it fits the batch: fixed-capacity is that rule.
  std::vector<Admission> still_wanted(const std::vector<Admission>& orders, const std::vector<bool>& fitted,
                                      const Grouping& grouping) const {
    std::vector<Admission> wanted;
    for (std::size_t t = 0; t < orders.size(); ++t) {
      const bool fixed = orders[t] == Admission::first_come && grouping.per_sequence;
      if (!fitted[t] || fixed) wanted.push_back(orders[t]);
    }
    return wanted;
  }

  /// Keeps the failure that came last: the longest way is the nearest miss.
  void note(std::size_t t, AdmissionFailure failure) {
    if (!nearest_[t] || failure.tokens >= nearest_[t]->tokens) nearest_[t] = std::move(failure);
  }
  static std::size_t index_of(const std::vector<Admission>& orders, Admission order) {
    return static_cast<std::size_t>(std::ranges::find(orders, order) - orders.begin());
  }
  std::size_t deepest_rank() {
    if (!deepest_) deepest_ = runs_.deepest_rank();
    return *deepest_;
  }

  const RunSet& runs_;
  Findings& findings_;
  std::optional<std::size_t> deepest_;
  std::vector<std::optional<AdmissionFailure>> nearest_;  // (orders)
  std::vector<AdmissionFit> in_order_;                    // what fits without chance
};

}  // namespace

void try_capacity_rules(const RunSet& runs, Findings& findings) {
  if (runs.experts() < 2) return;  // one expert leaves a token nothing to choose
  if (runs.largest_count() == 0) return;
  if (findings.accepted(ids::top_k)) {
    accept_unreached(runs, runs.largest_count(), findings);
    return;
  }
  auto orders = all_orders();
  if (findings.accepted(ids::expert_choice)) {
    // Tokens that wish for nearly all experts, of which each keeps its best: expert choice by another
    // name. Chance, which explains whatever has even counts, adds nothing to it either.
    std::erase_if(orders, [](Admission order) {
      return order == Admission::by_score || order == Admission::by_share || order == Admission::by_chance;
    });
  }
  try_next_free(runs, findings);
  CapacityRules rules(runs, findings);
  rules.try_all(1, orders);
  rules.leave_out_chance();
  if (runs.largest_count() == 1) rules.try_all(2, {Admission::next_choice});
}

}  // namespace pastonly::routing::hypotheses

#include "routing/identify/capacity_rules.h"

#include <fmt/format.h>

#include <algorithm>

#include "routing/identify/admission_fit.h"
#include "routing/identify/parameters.h"

namespace pastonly::routing::hypotheses {
namespace {

/// A fit, and the largest k that fits as well.
struct OpenFit {
  AdmissionFit fit;
  std::size_t most_k = 0;
};

bool same_at_all_lengths(const AdmissionFit& fit) {
  std::size_t most = 0;
  for (const auto& [tokens, slots] : fit.slots) most = std::max(most, slots.capacity);
  return std::ranges::all_of(
      fit.slots, [&](const auto& one) { return !one.second.reached || one.second.capacity == most; });
}

Value slots_value(const AdmissionFit::Slots& slots) {
  if (slots.reached) return slots.capacity;
  return Value::Object{{"min", std::max<std::size_t>(slots.capacity, 1)}};
}

void write_slots(const RunSet& runs, const AdmissionFit& fit, Value::Object& parameters) {
  const std::size_t base = Groups(runs.run(0).layout, fit.grouping).size();
  if (same_at_all_lengths(fit)) {
    AdmissionFit::Slots all;
    for (const auto& [tokens, slots] : fit.slots) {
      all.capacity = std::max(all.capacity, slots.capacity);
      all.reached |= slots.reached;
    }
    parameters.emplace_back("capacity", slots_value(all));
    return;
  }
  parameters.emplace_back("capacity", slots_value(fit.slots.at(base)));
  Value::Array list;
  for (const auto& [tokens, slots] : fit.slots) {
    list.emplace_back(Value::Object{{"tokens", tokens}, {"capacity", slots_value(slots)}});
  }
  parameters.emplace_back("capacities", std::move(list));
}

/// Whether the order of the tokens decided anything.
bool ordered(const AdmissionFit& fit) {
  const bool by_order = fit.admission == Admission::first_come || fit.admission == Admission::choice_major ||
                        fit.admission == Admission::next_choice;
  return by_order && std::ranges::any_of(fit.slots, [](const auto& one) { return one.second.reached; });
}

Value::Object describe(const RunSet& runs, const OpenFit& open) {
  Value::Object parameters;
  if (open.most_k > open.fit.k) {
    parameters.emplace_back("k", Value::Object{{"min", open.fit.k}, {"max", open.most_k}});
  } else {
    parameters.emplace_back("k", open.fit.k);
  }
  write_slots(runs, open.fit, parameters);
  if (open.fit.grouping.per_sequence || ordered(open.fit))
    write_grouping(runs, open.fit.grouping, parameters);
  return parameters;
}

void accept_first_come(const RunSet& runs, const OpenFit& open, Findings& findings) {
  const auto& fit = open.fit;
  if (fit.k == 1 && !findings.accepted("switch-capacity")) {
    OpenFit single = open;
    single.most_k = 1;
    findings.accept("switch-capacity", true, describe(runs, single));
  }
  if (!findings.accepted("token-major-capacity")) {
    findings.accept("token-major-capacity", true, describe(runs, open));
  }
  bool alone = true;
  for (std::size_t i = 0; i < runs.size(); ++i) alone &= runs.run(i).layout.sequences == 1;
  if (fit.k == 1 && runs.experts() > 1 && !findings.accepted("drop-by-score")) {
    // One choice renormalised is 1 for every token: what is left is their order.
    auto parameters = describe(runs, open);
    parameters.emplace_back("rank", "renormalised");
    findings.accept("drop-by-score", false, std::move(parameters));
  }
  if ((fit.grouping.per_sequence || alone) && same_at_all_lengths(fit) &&
      !findings.accepted("fixed-capacity")) {
    auto parameters = describe(runs, open);
    std::erase_if(parameters, [](const auto& entry) { return entry.first == "scope"; });
    findings.accept("fixed-capacity", true, std::move(parameters));
  }
}

void accept(const RunSet& runs, const OpenFit& open, Findings& findings) {
  const auto add = [&](const char* id, Value::Object parameters) {
    if (!findings.accepted(id)) findings.accept(id, false, std::move(parameters));
  };

  switch (open.fit.admission) {
    case Admission::first_come:
      accept_first_come(runs, open, findings);
      break;
    case Admission::choice_major:
      add("gshard-top-2", describe(runs, open));
      break;
    case Admission::by_priority:
      add("batch-priority", describe(runs, open));
      break;
    case Admission::next_choice:
      add("next-choice", describe(runs, open));
      break;
    case Admission::by_score:
    case Admission::by_share: {
      auto parameters = describe(runs, open);
      const bool score = open.fit.admission == Admission::by_score;
      parameters.emplace_back("rank", score ? "score" : "renormalised");
      add("drop-by-score", std::move(parameters));
      break;
    }
    case Admission::by_chance:
      add("random-token", describe(runs, open));
      add("unstable-capacity", describe(runs, open));
      break;
  }
}

std::string_view rule_id(Admission admission, std::size_t k) {
  switch (admission) {
    case Admission::first_come:
      return k == 1 ? "switch-capacity" : "token-major-capacity";
    case Admission::choice_major:
      return "gshard-top-2";
    case Admission::by_priority:
      return "batch-priority";
    case Admission::by_score:
    case Admission::by_share:
      return "drop-by-score";
    case Admission::next_choice:
      return "next-choice";
    case Admission::by_chance:
      return "random-token";
  }
  return {};
}

/// The orders that k choices among n experts can show.
std::vector<Admission> orders_of(std::size_t k, std::size_t experts) {
  std::vector<Admission> orders{Admission::first_come};
  if (k >= 2) orders.push_back(Admission::choice_major);
  orders.push_back(Admission::by_priority);
  // A token that wants every expert chooses nothing: keeping the best scores is then expert choice, and
  // chance explains whatever has even counts.
  if (k >= experts) return orders;
  orders.push_back(Admission::by_score);
  if (k >= 2) orders.push_back(Admission::by_share);
  orders.push_back(Admission::by_chance);
  return orders;
}

/// Raises k while the fit holds. A wish more can only be refused, so the first failure ends it.
std::size_t most_choices(const RunSet& runs, const AdmissionFit& fit) {
  std::size_t k = fit.k;
  const std::size_t limit = fit.admission == Admission::by_chance || fit.admission == Admission::by_score ||
                                    fit.admission == Admission::by_share
                                ? runs.experts() - 1
                                : runs.experts();
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
  for (const auto admission : orders_of(k, runs.experts())) {
    accept(runs, {unreached(runs, admission, k), k}, findings);
  }
  accept(runs, {unreached_per_sequence(runs, k), k}, findings);
  if (k == 1) accept(runs, {unreached(runs, Admission::next_choice, 2), 2}, findings);
}

class CapacityRules {
 public:
  CapacityRules(const RunSet& runs, Findings& findings) : runs_(runs), findings_(findings) {}

  void try_all(std::size_t k, const std::vector<Admission>& orders) {
    std::vector<std::optional<Counterexample>> nearest(orders.size());
    std::vector<std::size_t> read(orders.size(), 0);
    std::vector<bool> fitted(orders.size(), false);
    for (const auto& grouping : groupings(runs_, true)) {
      const auto wanted = still_wanted(orders, fitted, grouping);
      if (wanted.empty()) continue;
      std::vector<AdmissionFailure> failures;
      const auto fits = fit_admissions(runs_, grouping, k, wanted, failures);
      for (std::size_t w = 0; w < wanted.size(); ++w) {
        const auto t = static_cast<std::size_t>(std::ranges::find(orders, wanted[w]) - orders.begin());
        if (fits[w]) {
          fitted[t] = true;
          accept(runs_, {*fits[w], most_choices(runs_, *fits[w])}, findings_);
        } else if (failures[w].tokens >= read[t]) {
          read[t] = failures[w].tokens;
          nearest[t] = std::move(failures[w].at);
        }
      }
    }
    for (std::size_t t = 0; t < orders.size(); ++t) {
      const auto id = rule_id(orders[t], k);
      if (fitted[t] || !nearest[t] || findings_.accepted(id)) continue;
      findings_.reject(std::string(id), orders[t] == Admission::first_come, std::move(*nearest[t]));
    }
  }

 private:
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

  const RunSet& runs_;
  Findings& findings_;
};

}  // namespace

void try_capacity_rules(const RunSet& runs, Findings& findings) {
  if (runs.experts() < 2) return;  // one expert leaves a token nothing to choose
  if (runs.largest_count() == 0) return;
  const std::size_t k = runs.deepest_rank();
  if (findings.accepted("top-k")) {
    accept_unreached(runs, k, findings);
    return;
  }
  auto orders = orders_of(k, runs.experts());
  if (findings.accepted("expert-choice")) {
    // Tokens that wish for nearly all experts, of which each keeps its best: expert choice by another
    // name. Chance, which explains whatever has even counts, adds nothing to it either.
    std::erase_if(orders, [](Admission order) {
      return order == Admission::by_score || order == Admission::by_share || order == Admission::by_chance;
    });
  }
  CapacityRules rules(runs, findings);
  rules.try_all(k, orders);
  if (runs.largest_count() == 1) {
    rules.try_all(std::max<std::size_t>(k, 2), {Admission::next_choice});
  }
}

}  // namespace pastonly::routing::hypotheses

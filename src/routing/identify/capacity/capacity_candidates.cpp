#include "routing/identify/capacity/capacity_candidates.h"

#include <algorithm>

#include "routing/identify/shared/candidate_parameters.h"
#include "routing/rule_ids.h"

namespace pastonly::routing::hypotheses {
namespace {

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
                        fit.admission == Admission::next_choice || fit.admission == Admission::last_come;
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
  if (fit.k == 1 && !findings.accepted(ids::switch_capacity)) {
    OpenFit single = open;
    single.most_k = 1;
    findings.accept(ids::switch_capacity, describe(runs, single));
  }
  if (!findings.accepted(ids::token_major_capacity)) {
    findings.accept(ids::token_major_capacity, describe(runs, open));
  }
  bool alone = true;
  for (std::size_t i = 0; i < runs.size(); ++i) alone &= runs.run(i).layout.sequences == 1;
  if (fit.k == 1 && runs.experts() > 1 && !findings.accepted(ids::drop_by_score)) {
    // One choice renormalised is 1 for every token: what is left is their order, which looks ahead at
    // nothing.
    auto parameters = describe(runs, open);
    parameters.emplace_back("rank", "renormalised");
    findings.accept(ids::drop_by_score, std::move(parameters));
    findings.candidates.back().causal = true;
  }
  if ((fit.grouping.per_sequence || alone) && same_at_all_lengths(fit) &&
      !findings.accepted(ids::fixed_capacity)) {
    auto parameters = describe(runs, open);
    std::erase_if(parameters, [](const auto& entry) { return entry.first == "scope"; });
    findings.accept(ids::fixed_capacity, std::move(parameters));
  }
}

}  // namespace

void accept_admission(const RunSet& runs, const OpenFit& open, Findings& findings) {
  const auto add = [&](std::string_view id, Value::Object parameters) {
    if (!findings.accepted(id)) findings.accept(id, std::move(parameters));
  };

  switch (open.fit.admission) {
    case Admission::first_come:
      accept_first_come(runs, open, findings);
      break;
    case Admission::choice_major:
      add(ids::gshard_top_2, describe(runs, open));
      break;
    case Admission::by_priority:
      add(ids::batch_priority, describe(runs, open));
      break;
    case Admission::next_choice:
      add(ids::next_choice, describe(runs, open));
      break;
    case Admission::by_score:
    case Admission::last_come:
    case Admission::by_share: {
      auto parameters = describe(runs, open);
      const auto admission = open.fit.admission;
      parameters.emplace_back("rank", admission == Admission::by_score    ? "score"
                                      : admission == Admission::last_come ? "latest"
                                                                          : "renormalised");
      add(ids::drop_by_score, std::move(parameters));
      break;
    }
    case Admission::by_chance:
      add(ids::random_token, describe(runs, open));
      add(ids::unstable_capacity, describe(runs, open));
      break;
  }
}

}  // namespace pastonly::routing::hypotheses

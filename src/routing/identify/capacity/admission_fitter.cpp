#include "routing/identify/capacity/admission_fitter.h"

#include <fmt/format.h>

#include <algorithm>

namespace pastonly::routing::hypotheses {
namespace {

constexpr std::size_t all_tokens = std::numeric_limits<std::size_t>::max();
/// Shares are quotients of float sums whose order of addition is the producer's, of scores that may
/// have been rounded when they were recorded.
constexpr double share_units = 16.0;

bool needs_ranks(const std::vector<Admission>& wanted) {
  return std::ranges::any_of(wanted, [](Admission admission) {
    return admission == Admission::choice_major || admission == Admission::by_priority ||
           admission == Admission::next_choice;
  });
}

std::size_t rank_in(const float* scores, std::size_t n, float score) {
  std::int32_t above = 0;
  for (std::size_t e = 0; e < n; ++e) above += static_cast<std::int32_t>(scores[e] > score);
  return static_cast<std::size_t>(above) + 1;
}

}  // namespace

AdmissionFitter::AdmissionFitter(const RunSet& runs, const Grouping& grouping, std::size_t k,
                                 const std::vector<Admission>& wanted)
    : runs_(runs), grouping_(grouping), k_(k), reader_(runs.experts(), k, needs_ranks(wanted)) {
  for (const auto admission : wanted) trials_.emplace_back(admission);
  seen_at_failure_.assign(wanted.size(), 0);
  for (std::size_t i = 0; i < runs.size(); ++i) note_capacity(i);
}

void AdmissionFitter::run_all() {
  for (std::size_t i = 0; i < runs_.size() && any_alive(); ++i) fit_run(i, all_tokens);
}

std::vector<std::optional<AdmissionFit>> AdmissionFitter::finish(
    std::vector<AdmissionFailure>& failures) const {
  std::vector<std::optional<AdmissionFit>> fits(trials_.size());
  failures.assign(trials_.size(), {});
  for (std::size_t t = 0; t < trials_.size(); ++t) {
    if (trials_[t].alive()) {
      fits[t] = AdmissionFit{trials_[t].admission(), grouping_, k_, slots_};
    } else {
      failures[t] = {seen_at_failure_[t], trials_[t].failure()};
    }
  }
  return fits;
}

Wish AdmissionFitter::common_wish(const RunView& view, const Groups& groups, std::size_t group,
                                  std::size_t index, const Demand& demand) const {
  Wish wish;
  wish.token = groups.token(group, index);
  wish.index = index;
  wish.slot = group * runs_.experts();
  const auto row = view.scores().row(wish.token);
  if (alive(Admission::by_priority)) {
    wish.priority = static_cast<double>(order_key(*std::ranges::max_element(row)));
  }
  if (!alive(Admission::by_share)) return wish;
  for (const auto& choice : demand.kept) wish.total += row[choice.expert];
  for (const auto& choice : demand.refused) wish.total += row[choice.expert];
  if (demand.tied.empty()) return wish;
  wish.total +=
      static_cast<double>(demand.tied_refused) * static_cast<double>(row[demand.tied.front().expert]);
  return wish;
}

void AdmissionFitter::read_refused(std::size_t t, const RunView& view, const Wish& wish) {
  if (full(wish.slot)) {
    trials_[t].add_refused(view, wish);
    note_failure(t);
    return;
  }
  fail(t, place(view, wish.token,
                fmt::format("expert {} (choice {}) dropped the token although it had room: it took {} "
                            "tokens, another expert took {}",
                            wish.expert, wish.rank, (*counts_)[wish.slot], capacity_),
                {{"expert", wish.expert}, {"capacity", capacity_}}));
}

/// A token that was refused something.
void AdmissionFitter::read_incomplete(const RunView& view, const Groups& groups, std::size_t group,
                                      std::size_t index) {
  const std::size_t n = view.experts(), token = groups.token(group, index);
  const auto& demand = reader_.read(view.scores().data() + token * n, view.mask().data() + token * n);
  if (!demand.possible) {
    for (std::size_t t = 0; t < trials_.size(); ++t) {
      if (!trials_[t].alive()) continue;
      fail(t, place(view, token,
                    fmt::format("expert {} is not among the token's {} best", demand.offending, k_)));
    }
    return;
  }
  if (demand.tied_refused > 0) tied_.emplace_back(group, index);
  const Wish common = common_wish(view, groups, group, index, demand);
  for (std::size_t t = 0; t < trials_.size(); ++t) {
    auto& trial = trials_[t];
    if (!trial.alive()) continue;
    const bool next = trial.admission() == Admission::next_choice;
    if (next && demand.kept.size() > 1) {
      fail(t, place(view, token, "more than one expert"));
      continue;
    }
    const std::size_t placed = next && !demand.kept.empty() ? demand.kept.front().rank : k_ + 1;
    for (const auto& choice : demand.kept) {
      if (trial.alive()) trial.add_kept(view, wish_for(choice, view, common));
    }
    refused_any_ |= demand.tied_refused > 0 && !(next && !demand.kept.empty());
    for (const auto& choice : demand.refused) {
      if (choice.rank >= placed || !trial.alive()) continue;
      refused_any_ = true;
      read_refused(t, view, wish_for(choice, view, common));
    }
    note_failure(t);
  }
}

/// A token that got all it wanted: what it has of experts that refused somebody.
void AdmissionFitter::read_complete(std::size_t t, const RunView& view, const Groups& groups,
                                    std::size_t group, std::size_t index) {
  const std::size_t n = view.experts(), token = groups.token(group, index), first_slot = group * n;
  const std::uint8_t* refused = trials_[t].refused(first_slot);
  const std::uint8_t* mask = view.mask().data() + token * n;
  std::uint8_t both = 0;
  for (std::size_t e = 0; e < n; ++e) both |= static_cast<std::uint8_t>(mask[e] & refused[e]);
  if (both == 0) return;
  const float* scores = view.scores().data() + token * n;
  const auto admission = trials_[t].admission();
  Wish wish;
  wish.token = token;
  wish.index = index;
  if (admission == Admission::by_priority) {
    wish.priority = static_cast<double>(order_key(*std::max_element(scores, scores + n)));
  }
  if (admission == Admission::by_share) {
    for (std::size_t e = 0; e < n; ++e) wish.total += mask[e] != 0 ? static_cast<double>(scores[e]) : 0.0;
  }
  const bool ranked = admission == Admission::choice_major || admission == Admission::by_priority;
  for (std::size_t e = 0; e < n && trials_[t].alive(); ++e) {
    if ((mask[e] & refused[e]) == 0) continue;
    wish.slot = first_slot + e;
    wish.expert = e;
    wish.rank = ranked ? rank_in(scores, n, scores[e]) : 0;
    wish.score = scores[e];
    trials_[t].add_kept(view, wish);
  }
  note_failure(t);
}

/// All complete tokens of a group before `end`, as far as an order asks for them.
void AdmissionFitter::read_completes(std::size_t i, const RunView& view, const Groups& groups,
                                     std::size_t group, std::size_t end) {
  const auto& best = runs_.profile(i).best_count;
  for (std::size_t t = 0; t < trials_.size(); ++t) {
    if (!trials_[t].alive()) continue;
    std::size_t first = trials_[t].first_contested(group * runs_.experts(), runs_.experts(), k_);
    // Ties are judged by all that was kept.
    if (trials_[t].admission() == Admission::choice_major && !tied_.empty()) first = 0;
    for (std::size_t index = first; index < end && trials_[t].alive(); ++index) {
      if (best[groups.token(group, index)] == k_) read_complete(t, view, groups, group, index);
    }
  }
}

/// Ties hide which of some experts the token wanted: enough of them must be able to have refused it.
void AdmissionFitter::check_tied(const RunView& view, const Groups& groups, std::size_t group,
                                 std::size_t index) {
  const std::size_t n = view.experts(), token = groups.token(group, index);
  const auto& demand = reader_.read(view.scores().data() + token * n, view.mask().data() + token * n);
  const Wish common = common_wish(view, groups, group, index, demand);
  for (std::size_t t = 0; t < trials_.size(); ++t) {
    if (!trials_[t].alive()) continue;
    // A placed token's ties stand below its place and were not tried.
    if (trials_[t].admission() == Admission::next_choice && !demand.kept.empty()) continue;
    std::size_t able = 0;
    for (const auto& choice : demand.tied) {
      const auto wish = wish_for(choice, view, common);
      able += full(wish.slot) && trials_[t].may_refuse(wish) ? 1 : 0;
    }
    if (able >= demand.tied_refused) continue;
    fail(t, place(view, token, "none of the experts tied for its last choice could have dropped it"));
  }
}

void AdmissionFitter::start_run(std::size_t i, const RunView& view, const Groups& groups) {
  counts_ = &counts(i);
  capacity_ = slots_[groups.size()].capacity;
  tied_.clear();
  refused_any_ = false;
  // Where every expert is full, chance may have refused whom it liked: there is nothing to read.
  all_full_ = std::ranges::all_of(*counts_, [&](std::uint32_t count) { return count == capacity_; });
  const auto& profile = runs_.profile(i);
  for (auto& trial : trials_) {
    trial.start_run(groups.count() * runs_.experts(), share_units * view.score_rounding());
    if (trial.admission() != Admission::by_score || grouping_.per_sequence) continue;
    for (std::size_t e = 0; e < runs_.experts(); ++e) {
      if (profile.expert_counts[e] > 0) trial.preset_kept(e, from_order_key(profile.lowest_chosen[e]));
    }
  }
}

void AdmissionFitter::fit_run(std::size_t i, std::size_t limit) {
  const auto view = runs_.view(i);
  const Groups groups(view->layout(), grouping_);
  start_run(i, *view, groups);
  const auto& best = runs_.profile(i).best_count;
  // What was refused first: it says of which experts anything else has to be read at all.
  for (std::size_t group = 0, left = limit; group < groups.count(); ++group) {
    const std::size_t end = std::min(groups.size(), left);
    left -= end;
    bool open = any_open();
    for (std::size_t index = 0; index < end && open; ++index) {
      const std::size_t token = groups.token(group, index);
      if (!view->routed(token)) continue;
      ++seen_;
      if (best[token] == k_) continue;
      read_incomplete(*view, groups, group, index);
      open = any_open();
    }
  }
  for (std::size_t group = 0, left = limit; group < groups.count() && any_open(); ++group) {
    const std::size_t end = std::min(groups.size(), left);
    left -= end;
    read_completes(i, *view, groups, group, end);
  }
  if (limit != all_tokens) return;  // a probe has not seen all that was kept: ties stay open
  for (const auto& [group, index] : tied_) {
    if (any_open()) check_tied(*view, groups, group, index);
  }
  if (all_full_ && capacity_ * counts_->size() < runs_.profile(i).tokens * k_) refused_any_ = true;
  if (refused_any_) slots_[groups.size()].reached = true;
}

}  // namespace pastonly::routing::hypotheses

#include "routing/identify/admission_fit.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "routing/identify/demand.h"

namespace pastonly::routing::hypotheses {
namespace {

constexpr double rank_step = 0x1p40;  // keys of (rank, token) stay exact in a double
/// Shares are quotients of float sums whose order of addition is the producer's, of scores that may
/// have been rounded when they were recorded.
constexpr double share_units = 16.0;

/// The worst wish that was kept and the best that was refused, of one expert in one group.
struct Border {
  double worst_kept = -std::numeric_limits<double>::infinity();
  double best_refused = std::numeric_limits<double>::infinity();
  std::size_t kept_token = 0;
  std::size_t refused_token = 0;
};

/// One order under test. Smaller keys go first.
struct Trial {
  Admission admission{};
  bool alive = true;
  std::vector<Border> borders;  // (groups, experts), of the current run
};

bool needs_ranks(const std::vector<Admission>& wanted) {
  return std::ranges::any_of(wanted, [](Admission admission) {
    return admission == Admission::choice_major || admission == Admission::by_priority ||
           admission == Admission::next_choice;
  });
}

class Fitter {
 public:
  Fitter(const RunSet& runs, const Grouping& grouping, std::size_t k, const std::vector<Admission>& wanted,
         std::vector<AdmissionFailure>& failures)
      : runs_(runs),
        grouping_(grouping),
        k_(k),
        failures_(failures),
        reader_(runs.experts(), k, needs_ranks(wanted)) {
    for (const auto admission : wanted) trials_.push_back({admission, true, {}});
    failures_.assign(wanted.size(), {});
    for (std::size_t i = 0; i < runs.size(); ++i) note_capacity(i);
  }

  std::vector<std::optional<AdmissionFit>> run() {
    for (std::size_t i = 0; i < runs_.size() && any_alive(); ++i) fit_run(i);
    std::vector<std::optional<AdmissionFit>> fits(trials_.size());
    for (std::size_t t = 0; t < trials_.size(); ++t) {
      if (trials_[t].alive) fits[t] = AdmissionFit{trials_[t].admission, grouping_, k_, slots_};
    }
    return fits;
  }

 private:
  struct Wish {
    std::size_t token, index, group, expert, rank;
    double score, total;
  };

  bool alive(Admission admission) const {
    return std::ranges::any_of(
        trials_, [&](const Trial& trial) { return trial.alive && trial.admission == admission; });
  }
  bool any_alive() const { return std::ranges::any_of(trials_, &Trial::alive); }
  /// Whether some trial still has to read tokens.
  bool any_open() const {
    return std::ranges::any_of(trials_, [&](const Trial& trial) {
      return trial.alive && !(trial.admission == Admission::by_chance && all_full_);
    });
  }
  const std::vector<std::uint32_t>& counts(std::size_t i) const {
    const auto& profile = runs_.profile(i);
    return grouping_.per_sequence ? profile.sequence_counts : profile.expert_counts;
  }
  void note_capacity(std::size_t i) {
    auto& slots = slots_[Groups(runs_.run(i).layout, grouping_).size()];
    for (const auto count : counts(i)) slots.capacity = std::max(slots.capacity, std::size_t{count});
  }

  static double key(Admission admission, const Wish& wish, double priority) {
    switch (admission) {
      case Admission::first_come:
        return static_cast<double>(wish.index);
      case Admission::next_choice:
      case Admission::choice_major:
        return static_cast<double>(wish.rank) * rank_step + static_cast<double>(wish.index);
      case Admission::by_priority:
        return static_cast<double>(wish.rank) * rank_step - priority;
      case Admission::by_score:
        return -wish.score;
      case Admission::by_share:
        return -wish.score / wish.total;
      case Admission::by_chance:
        return 0.0;
    }
    return 0.0;
  }
  /// Whether the refused wish stands before the kept one.
  bool violated(Admission admission, double worst_kept, double best_refused) const {
    if (admission == Admission::by_chance) return false;
    if (admission != Admission::by_share) return best_refused < worst_kept;
    return best_refused < worst_kept - share_rounding_ * std::abs(worst_kept);
  }

  void fail(std::size_t t, Counterexample at) {
    trials_[t].alive = false;
    failures_[t] = {seen_, std::move(at)};
  }
  void fail_all(const Counterexample& at) {
    for (std::size_t t = 0; t < trials_.size(); ++t) {
      if (trials_[t].alive) fail(t, at);
    }
  }

  void fit_run(std::size_t i);
  void read_token(const RunView& view, const Groups& groups, std::size_t token);
  void add_kept(std::size_t t, const RunView& view, const Wish& wish, double priority);
  void add_refused(std::size_t t, const RunView& view, const Wish& wish, double priority);
  void check_tied(const RunView& view, const Groups& groups, std::size_t token);
  Wish wish_of(const RunView& view, const Groups& groups, std::size_t token, const Demand::Choice& choice,
               double total) const {
    return {token,
            groups.index_of(token),
            groups.group_of(token),
            choice.expert,
            choice.rank,
            view.scores()(token, choice.expert),
            total};
  }
  /// Sum of the scores the token wanted; its largest score as an integer-valued priority.
  double total_wanted(const RunView& view, std::size_t token, const Demand& demand) const;
  static double priority_of(const RunView& view, std::size_t token) {
    const auto row = view.scores().row(token);
    return static_cast<double>(order_key(*std::ranges::max_element(row)));
  }
  bool full(const Wish& wish) const {
    return (*counts_)[wish.group * runs_.experts() + wish.expert] == capacity_;
  }

  const RunSet& runs_;
  Grouping grouping_;
  std::size_t k_;
  std::vector<AdmissionFailure>& failures_;
  DemandReader reader_;
  std::vector<Trial> trials_;
  std::map<std::size_t, AdmissionFit::Slots> slots_;
  std::size_t seen_ = 0;
  // of the current run
  const std::vector<std::uint32_t>* counts_ = nullptr;
  std::size_t capacity_ = 0;
  double share_rounding_ = 0.0;
  std::vector<std::size_t> tied_tokens_;
  bool refused_any_ = false;
  bool all_full_ = false;
};

double Fitter::total_wanted(const RunView& view, std::size_t token, const Demand& demand) const {
  double total = 0.0;
  for (const auto& choice : demand.kept) total += view.scores()(token, choice.expert);
  for (const auto& choice : demand.refused) total += view.scores()(token, choice.expert);
  if (!demand.tied.empty()) {
    total += static_cast<double>(demand.tied_refused) *
             static_cast<double>(view.scores()(token, demand.tied.front().expert));
  }
  return total;
}

void Fitter::add_kept(std::size_t t, const RunView& view, const Wish& wish, double priority) {
  auto& trial = trials_[t];
  auto& border = trial.borders[wish.group * runs_.experts() + wish.expert];
  const double its_key = key(trial.admission, wish, priority);
  if (its_key <= border.worst_kept) return;
  border.worst_kept = its_key;
  border.kept_token = wish.token;
  if (!violated(trial.admission, border.worst_kept, border.best_refused)) return;
  fail(t, place(view, wish.token,
                fmt::format("expert {} kept this token, having refused the token at row {} position {}, "
                            "which stands before it",
                            wish.expert, border.refused_token / view.layout().positions,
                            border.refused_token % view.layout().positions),
                {{"expert", wish.expert}, {"refused_token", border.refused_token}}));
}

void Fitter::add_refused(std::size_t t, const RunView& view, const Wish& wish, double priority) {
  auto& trial = trials_[t];
  if (!full(wish)) {
    fail(t, place(view, wish.token,
                  fmt::format("expert {} (choice {}) refused, though it had room: {} tokens where another "
                              "took {}",
                              wish.expert, wish.rank, (*counts_)[wish.group * runs_.experts() + wish.expert],
                              capacity_),
                  {{"expert", wish.expert}, {"capacity", capacity_}}));
    return;
  }
  auto& border = trial.borders[wish.group * runs_.experts() + wish.expert];
  const double its_key = key(trial.admission, wish, priority);
  if (its_key >= border.best_refused) return;
  border.best_refused = its_key;
  border.refused_token = wish.token;
  if (!violated(trial.admission, border.worst_kept, border.best_refused)) return;
  fail(t, place(view, wish.token,
                fmt::format("expert {} refused this token and kept the one at row {} position {}, which "
                            "stands behind it",
                            wish.expert, border.kept_token / view.layout().positions,
                            border.kept_token % view.layout().positions),
                {{"expert", wish.expert}, {"kept_token", border.kept_token}}));
}

void Fitter::read_token(const RunView& view, const Groups& groups, std::size_t token) {
  const std::size_t n = view.experts();
  const auto& demand = reader_.read(view.scores().data() + token * n, view.mask().data() + token * n);
  ++seen_;
  if (!demand.possible) {
    fail_all(
        place(view, token, fmt::format("expert {} is not among the token's {} best", demand.offending, k_)));
    return;
  }
  if (demand.tied_refused > 0) tied_tokens_.push_back(token);
  const double total = alive(Admission::by_share) ? total_wanted(view, token, demand) : 0.0;
  const double priority = alive(Admission::by_priority) ? priority_of(view, token) : 0.0;
  for (std::size_t t = 0; t < trials_.size(); ++t) {
    const bool next = trials_[t].admission == Admission::next_choice;
    if (next && demand.kept.size() > 1 && trials_[t].alive) {
      fail(t, place(view, token, "more than one expert"));
    }
    const std::size_t placed = next && !demand.kept.empty() ? demand.kept.front().rank : k_ + 1;
    for (const auto& choice : demand.kept) {
      if (trials_[t].alive) add_kept(t, view, wish_of(view, groups, token, choice, total), priority);
    }
    refused_any_ |= demand.tied_refused > 0 && !(next && !demand.kept.empty());
    for (const auto& choice : demand.refused) {
      if (choice.rank >= placed) continue;
      refused_any_ = true;
      if (trials_[t].alive) add_refused(t, view, wish_of(view, groups, token, choice, total), priority);
    }
  }
}

/// Ties hide which of some experts the token wanted: enough of them must be able to have refused it.
void Fitter::check_tied(const RunView& view, const Groups& groups, std::size_t token) {
  const std::size_t n = view.experts();
  const auto& demand = reader_.read(view.scores().data() + token * n, view.mask().data() + token * n);
  const double total = alive(Admission::by_share) ? total_wanted(view, token, demand) : 0.0;
  const double priority = alive(Admission::by_priority) ? priority_of(view, token) : 0.0;
  for (std::size_t t = 0; t < trials_.size(); ++t) {
    const auto& trial = trials_[t];
    if (!trial.alive) continue;
    // A placed token's ties stand below its place and were not tried.
    if (trial.admission == Admission::next_choice && !demand.kept.empty()) continue;
    std::size_t able = 0;
    for (const auto& choice : demand.tied) {
      const auto wish = wish_of(view, groups, token, choice, total);
      const auto& border = trial.borders[wish.group * n + wish.expert];
      able +=
          full(wish) && !violated(trial.admission, border.worst_kept, key(trial.admission, wish, priority))
              ? 1
              : 0;
    }
    if (able < demand.tied_refused) {
      fail(t, place(view, token, "none of the experts tied for its last choice can have refused it"));
    }
  }
}

void Fitter::fit_run(std::size_t i) {
  const auto view = runs_.view(i);
  const Groups groups(view->layout(), grouping_);
  counts_ = &counts(i);
  capacity_ = slots_[groups.size()].capacity;
  for (auto& trial : trials_) trial.borders.assign(groups.count() * runs_.experts(), {});
  share_rounding_ = share_units * view->score_rounding();
  tied_tokens_.clear();
  refused_any_ = false;
  // Where every expert is full, chance may have refused whom it liked: there is nothing to read.
  all_full_ = std::ranges::all_of(*counts_, [&](std::uint32_t count) { return count == capacity_; });
  for (std::size_t token = 0; token < view->tokens() && any_open(); ++token) {
    if (view->routed(token)) read_token(*view, groups, token);
  }
  for (const auto token : tied_tokens_) {
    if (any_open()) check_tied(*view, groups, token);
  }
  if (all_full_ && capacity_ * counts_->size() < runs_.profile(i).tokens * k_) refused_any_ = true;
  if (refused_any_) slots_[groups.size()].reached = true;
}

}  // namespace

std::vector<std::optional<AdmissionFit>> fit_admissions(const RunSet& runs, const Grouping& grouping,
                                                        std::size_t k, const std::vector<Admission>& wanted,
                                                        std::vector<AdmissionFailure>& failures) {
  return Fitter(runs, grouping, k, wanted, failures).run();
}

}  // namespace pastonly::routing::hypotheses

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <utility>
#include <vector>

#include "routing/identify/capacity/admission_fit.h"
#include "routing/identify/capacity/demand.h"

namespace pastonly::routing::hypotheses {

/// Tests several admission orders with k choices in one pass over each run.
class AdmissionFitter {
 public:
  AdmissionFitter(const RunSet& runs, const Grouping& grouping, std::size_t k,
                  const std::vector<Admission>& wanted);

  void run_all();
  /// Reads only the first tokens of the first run.
  void probe(std::size_t tokens) { fit_run(0, tokens); }
  /// The fits, and for the orders without one why, aligned with `wanted`.
  std::vector<std::optional<AdmissionFit>> finish(std::vector<AdmissionFailure>& failures) const;

 private:
  bool any_alive() const { return std::ranges::any_of(trials_, &AdmissionTrial::alive); }
  bool alive(Admission admission) const {
    return std::ranges::any_of(trials_, [&](const AdmissionTrial& trial) {
      return trial.alive() && trial.admission() == admission;
    });
  }
  /// Whether some trial still has to read tokens.
  bool any_open() const {
    return std::ranges::any_of(trials_, [&](const AdmissionTrial& trial) {
      return trial.alive() && !(trial.admission() == Admission::by_chance && all_full_);
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
  void fail(std::size_t t, Counterexample at) {
    trials_[t].fail(std::move(at));
    seen_at_failure_[t] = seen_;
  }
  void note_failure(std::size_t t) {
    if (!trials_[t].alive()) seen_at_failure_[t] = seen_;
  }

  void start_run(std::size_t i, const RunView& view, const Groups& groups);
  void fit_run(std::size_t i, std::size_t limit);
  void read_incomplete(const RunView& view, const Groups& groups, std::size_t group, std::size_t index);
  void read_complete(std::size_t t, const RunView& view, const Groups& groups, std::size_t group,
                     std::size_t index);
  void read_completes(std::size_t i, const RunView& view, const Groups& groups, std::size_t group,
                      std::size_t end);
  void read_refused(std::size_t t, const RunView& view, const Wish& wish);
  void check_tied(const RunView& view, const Groups& groups, std::size_t group, std::size_t index);
  Wish wish_for(const Demand::Choice& choice, const RunView& view, const Wish& common) const {
    Wish wish = common;
    wish.expert = choice.expert;
    wish.slot = common.slot + choice.expert;
    wish.rank = choice.rank;
    wish.score = view.scores()(common.token, choice.expert);
    return wish;
  }
  Wish common_wish(const RunView& view, const Groups& groups, std::size_t group, std::size_t index,
                   const Demand& demand) const;
  bool full(std::size_t slot) const { return (*counts_)[slot] == capacity_; }

  const RunSet& runs_;
  Grouping grouping_;
  std::size_t k_;
  DemandReader reader_;
  std::vector<AdmissionTrial> trials_;
  std::vector<std::size_t> seen_at_failure_;  // (trials)
  std::map<std::size_t, AdmissionFit::Slots> slots_;
  std::size_t seen_ = 0;
  // of the current run
  const std::vector<std::uint32_t>* counts_ = nullptr;
  std::size_t capacity_ = 0;
  std::vector<std::pair<std::size_t, std::size_t>> tied_;  // (group, index)
  bool refused_any_ = false;
  bool all_full_ = false;
};

}  // namespace pastonly::routing::hypotheses

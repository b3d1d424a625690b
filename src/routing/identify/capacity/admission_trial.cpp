#include "routing/identify/capacity/admission_trial.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>

namespace pastonly::routing::hypotheses {
namespace {

std::string name_token(const RunView& view, std::size_t token) {
  if (token >= view.tokens()) return "another token";
  const std::size_t positions = view.layout().positions;
  return fmt::format("the token at row {} position {}", token / positions, token % positions);
}

}  // namespace

void AdmissionTrial::start_run(std::size_t slots, double share_rounding) {
  borders_.assign(slots, {});
  refused_.assign(slots, 0);
  share_rounding_ = share_rounding;
  preset_ = false;
}

void AdmissionTrial::preset_kept(std::size_t slot, double lowest_score) {
  borders_[slot].worst_kept = -lowest_score;
  preset_ = true;
}

std::size_t AdmissionTrial::first_contested(std::size_t first_slot, std::size_t experts,
                                            std::size_t k) const {
  if (admission_ == Admission::by_chance || preset_) return nowhere;
  // Where only last choices were refused, nothing of an earlier token stands behind them.
  double before = -1.0;
  if (admission_ == Admission::first_come) before = 0.0;
  if (admission_ == Admission::choice_major) before = static_cast<double>(k) * rank_step;
  std::size_t first = nowhere;
  for (std::size_t slot = first_slot; slot < first_slot + experts; ++slot) {
    if (refused_[slot] == 0) continue;
    if (before < 0.0 || borders_[slot].best_refused < before) return 0;
    first = std::min(first, static_cast<std::size_t>(borders_[slot].best_refused - before));
  }
  return first;
}

double AdmissionTrial::key(const Wish& wish) const {
  switch (admission_) {
    case Admission::first_come:
      return static_cast<double>(wish.index);
    case Admission::last_come:
      return -static_cast<double>(wish.index);
    case Admission::next_choice:
    case Admission::choice_major:
      return static_cast<double>(wish.rank) * rank_step + static_cast<double>(wish.index);
    case Admission::by_priority:
      return static_cast<double>(wish.rank) * rank_step - wish.priority;
    case Admission::by_score:
      return -wish.score;
    case Admission::by_share:
      return -wish.score / wish.total;
    case Admission::by_chance:
      return 0.0;
  }
  return 0.0;
}

bool AdmissionTrial::violated(double worst_kept, double best_refused) const {
  if (admission_ == Admission::by_chance) return false;
  if (admission_ != Admission::by_share) return best_refused < worst_kept;
  return best_refused < worst_kept - share_rounding_ * std::abs(worst_kept);
}

void AdmissionTrial::add_kept(const RunView& view, const Wish& wish) {
  auto& border = borders_[wish.slot];
  const double its_key = key(wish);
  if (its_key <= border.worst_kept) return;
  border.worst_kept = its_key;
  border.kept_token = wish.token;
  if (!violated(border.worst_kept, border.best_refused)) return;
  fail(place(view, wish.token,
             fmt::format("expert {} kept this token after it had dropped {}, which comes earlier",
                         wish.expert, name_token(view, border.refused_token)),
             {{"expert", wish.expert}, {"refused_token", border.refused_token}}));
}

void AdmissionTrial::add_refused(const RunView& view, const Wish& wish) {
  refused_[wish.slot] = 1;
  auto& border = borders_[wish.slot];
  const double its_key = key(wish);
  if (its_key >= border.best_refused) return;
  border.best_refused = its_key;
  border.refused_token = wish.token;
  if (!violated(border.worst_kept, border.best_refused)) return;
  fail(place(view, wish.token,
             fmt::format("expert {} dropped this token and kept {}, which comes later", wish.expert,
                         name_token(view, border.kept_token)),
             {{"expert", wish.expert}, {"score", wish.score}}));
}

bool AdmissionTrial::may_refuse(const Wish& wish) const {
  return !violated(borders_[wish.slot].worst_kept, key(wish));
}

}  // namespace pastonly::routing::hypotheses

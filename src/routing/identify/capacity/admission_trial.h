#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "routing/identify/shared/findings.h"
#include "routing/identify/shared/run_view.h"

namespace pastonly::routing::hypotheses {

/// Who keeps the slots of an expert that more tokens wanted than it has slots for. Each is an order
/// of the wishes: an expert keeps the first C of those that name it.
enum class Admission {
  first_come,    ///< by token
  choice_major,  ///< by choice, then by token
  by_priority,   ///< by choice, then by the token's largest score
  by_score,      ///< by the pair's own score
  last_come,     ///< by token, the last first
  by_share,      ///< by score over the sum of the scores wanted
  next_choice,   ///< choice-major, and a token that was placed wants nothing more
  by_chance,     ///< any C of them
};

/// One token's wish for one expert. What an order does not look at may be 0.
struct Wish {
  std::size_t token = 0;  ///< batch-major
  std::size_t index = 0;  ///< in the order in which the rule takes the tokens of the group
  std::size_t slot = 0;   ///< group * experts + expert
  std::size_t expert = 0;
  std::size_t rank = 0;  ///< 1 = first choice
  double score = 0.0;
  double total = 0.0;     ///< of the scores of all the token's wishes
  double priority = 0.0;  ///< grows with the token's largest score
};

/// One order under test on one run: in every expert of every group all that was kept must stand before
/// all that was refused. Wishes may come in any sequence; those refused first, what was kept matters only
/// where somebody was refused.
class AdmissionTrial {
 public:
  explicit AdmissionTrial(Admission admission) : admission_(admission) {}

  Admission admission() const noexcept { return admission_; }
  bool alive() const noexcept { return !failure_.has_value(); }
  const Counterexample& failure() const { return *failure_; }
  void fail(Counterexample at) { failure_ = std::move(at); }

  void start_run(std::size_t slots, double share_rounding);
  /// by_score over a whole batch: the lowest score each expert kept is known beforehand, and add_kept is
  /// not needed.
  void preset_kept(std::size_t slot, double lowest_score);
  void add_kept(const RunView& view, const Wish& wish);
  void add_refused(const RunView& view, const Wish& wish);
  /// Whether a wish that was refused can stand behind all that its expert kept.
  bool may_refuse(const Wish& wish) const;

  /// Per expert of a group, 1 where somebody was refused.
  const std::uint8_t* refused(std::size_t first_slot) const noexcept { return refused_.data() + first_slot; }
  /// The first index from which on a kept wish can stand behind one that was refused; `nowhere` if none can.
  /// `k`: the rank of a last choice.
  std::size_t first_contested(std::size_t first_slot, std::size_t experts, std::size_t k) const;
  static constexpr std::size_t nowhere = std::numeric_limits<std::size_t>::max();

 private:
  static constexpr double rank_step = 0x1p40;  // keys of (rank, token) stay exact in a double
  static constexpr std::size_t unknown = std::numeric_limits<std::size_t>::max();

  /// The worst wish that was kept and the best that was refused.
  struct Border {
    double worst_kept = -std::numeric_limits<double>::infinity();
    double best_refused = std::numeric_limits<double>::infinity();
    std::size_t kept_token = unknown;
    std::size_t refused_token = unknown;
  };

  double key(const Wish& wish) const;
  bool violated(double worst_kept, double best_refused) const;

  Admission admission_;
  double share_rounding_ = 0.0;
  bool preset_ = false;
  std::vector<Border> borders_;        // (groups, experts)
  std::vector<std::uint8_t> refused_;  // (groups, experts)
  std::optional<Counterexample> failure_;
};

}  // namespace pastonly::routing::hypotheses

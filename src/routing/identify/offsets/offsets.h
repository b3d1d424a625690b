#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "routing/identify/offsets/difference_constraints.h"
#include "routing/identify/shared/findings.h"
#include "routing/identify/shared/run_set.h"

namespace pastonly::routing::hypotheses {

/// What an offset per expert is added to before the k best are taken.
enum class Ranking {
  score,      ///< s + b, as recorded
  log_score,  ///< ln s + b: routers that select on logits and record probabilities; Sinkhorn
  log_odds,   ///< ln(s / (1 - s)) + b: the same where scores are sigmoids
};
std::string_view name(Ranking ranking) noexcept;  // "score", "log-score", "log-odds"

/// What the decisions of one run say of the offsets: b_j - b_i <= min over tokens with i chosen and j
/// not of s_i - s_j.
struct OffsetLimits {
  DifferenceConstraints limits;
  bool possible = true;    ///< false: scores outside the ranking's domain, or an excluded expert chosen
  double tolerance = 0.0;  ///< rounding of the recorded scores, on the scale of the limits
};

/// Of tokens [0, tokens) of the run; `groups` > 1 drops what other groups of experts say of one another
/// unless both were chosen from (group-limited selection), for contiguous groups of experts.
OffsetLimits offset_limits(const RunView& view, Ranking ranking, std::size_t tokens, std::size_t groups = 1);

/// The decisions that make up a cycle of contradictory limits, one for each edge.
Counterexample contradiction(const RunSet& runs, Ranking ranking, const std::vector<std::size_t>& cycle);

}  // namespace pastonly::routing::hypotheses

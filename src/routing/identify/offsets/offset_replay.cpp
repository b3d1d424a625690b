#include "routing/identify/offsets/offset_replay.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/elementary.h"
#include "routing/identify/shared/apply_ranking.h"

namespace pastonly::routing::hypotheses {
namespace {

constexpr double close_by = 1024.0;  // tolerances within which a decision counts as close

/// What an offset is added to.
void rank(std::span<float> row, Ranking ranking) {
  if (ranking == Ranking::log_score) {
    for (float& score : row) score = kernels::log(score);
  } else if (ranking == Ranking::log_odds) {
    for (float& score : row) score = kernels::log(score) - kernels::log1p(-score);
  }
}

/// One token's decision under given offsets.
class OffsetReplay {
 public:
  OffsetReplay(Ranking ranking, const std::vector<double>& offsets)
      : ranking_(ranking), offsets_(offsets.begin(), offsets.end()) {}

  /// Whether the best are those chosen, or score the same.
  bool gives_back(std::span<const float> scores, std::span<const std::uint8_t> mask) {
    values_.assign(scores.begin(), scores.end());
    rank(values_, ranking_);
    for (std::size_t e = 0; e < values_.size(); ++e) values_[e] += offsets_[e];
    lowest_chosen_ = std::numeric_limits<float>::infinity();
    highest_left_ = -lowest_chosen_;
    for (std::size_t e = 0; e < values_.size(); ++e) {
      if (mask[e] != 0) {
        lowest_chosen_ = std::min(lowest_chosen_, values_[e]);
      } else {
        highest_left_ = std::max(highest_left_, values_[e]);
      }
    }
    return lowest_chosen_ > highest_left_ ||
           (lowest_chosen_ == highest_left_ && tie_gives_back(scores, mask));
  }
  /// How far what was chosen stands from what was left out, on the scale of the ranking. After gives_back.
  double margin() const {
    return std::abs(static_cast<double>(lowest_chosen_) - static_cast<double>(highest_left_));
  }

 private:
  /// Of equal sums the rule takes the lower experts; of equal scores any may have been taken.
  bool tie_gives_back(std::span<const float> scores, std::span<const std::uint8_t> mask) const {
    bool left_one = false, in_order = true, same_score = true;
    std::optional<float> score;
    for (std::size_t e = 0; e < values_.size(); ++e) {
      if (values_[e] != lowest_chosen_) continue;
      in_order &= mask[e] == 0 || !left_one;
      left_one |= mask[e] == 0;
      same_score &= scores[e] == score.value_or(scores[e]);
      score = scores[e];
    }
    return in_order || same_score;
  }

  Ranking ranking_;
  std::vector<float> offsets_;  // (experts)
  std::vector<float> values_;   // (experts)
  float lowest_chosen_ = 0.0F, highest_left_ = 0.0F;
};

}  // namespace

std::optional<Counterexample> not_given_back(const RunSet& runs, Ranking ranking,
                                             const std::vector<double>& offsets, double tolerance) {
  OffsetReplay replay(ranking, offsets);
  std::size_t turned = 0, close = 0;
  std::optional<Counterexample> first;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const auto view = runs.view(i);
    if (view->score_rounding() > coarse_rounding) return std::nullopt;
    for (std::size_t token = 0; token < view->tokens(); ++token) {
      if (!view->routed(token)) continue;
      const auto mask = view->mask().row(token);
      const bool same = replay.gives_back(view->scores().row(token), mask);
      const double margin = replay.margin();
      close += margin > tolerance && margin <= close_by * tolerance ? 1 : 0;
      if (same) continue;
      if (turned++ == 0) {
        first =
            place(*view, token, "only a tie of unequal scores gives this choice under the offsets that fit");
      }
    }
  }
  return turned > close ? first : std::nullopt;
}

}  // namespace pastonly::routing::hypotheses

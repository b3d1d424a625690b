#include "routing/identify/simple/cut_choice_fit.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <optional>
#include <vector>

#include "routing/identify/shared/batches.h"
#include "routing/rule_ids.h"

namespace pastonly::routing::hypotheses {
namespace {

constexpr double unbounded = std::numeric_limits<double>::infinity();
constexpr double sum_rounding = 1e-6;  // shares are quotients of float sums in the producer's order

/// The constant lies above `above` and is no more than `up_to`.
struct Range {
  double above = -unbounded, up_to = unbounded;
  bool open() const noexcept { return above < up_to; }
};

class CutReader {
 public:
  explicit CutReader(std::size_t most) : most_(most) {}

  /// What a token says that took its `count` best experts. `scores`: of one token.
  void read(std::span<const float> scores, std::size_t count) {
    sorted_.assign(scores.begin(), scores.end());
    std::ranges::sort(sorted_, std::greater<>());
    shares_ &= sorted_.back() >= 0.0F;
    double total = 0.0, held = 0.0;
    for (const float score : sorted_) total += static_cast<double>(score);
    for (std::size_t i = 0; i + 1 < count; ++i) held += static_cast<double>(sorted_[i]);
    const double last = count > 0 ? static_cast<double>(sorted_[count - 1]) : unbounded;
    if (count > 0) mass_.above = std::max(mass_.above, held / total - sum_rounding);
    threshold_.up_to = std::min(threshold_.up_to, std::nextafter(last, -unbounded));
    if (count == most_) return;  // it might have taken more
    ++cut_;
    mass_.up_to = std::min(mass_.up_to, count > 0 ? (held + last) / total + sum_rounding : 0.0);
    threshold_.above = std::max(threshold_.above, static_cast<double>(sorted_[count]));
  }
  /// Tokens that took fewer than the most.
  std::size_t cut() const noexcept { return cut_; }
  std::optional<double> mass() const {
    if (!shares_ || !mass_.open() || !(mass_.up_to > 0.0)) return std::nullopt;
    return 0.5 * (std::max(mass_.above, 0.0) + mass_.up_to);
  }
  /// A score equal to the threshold does not pass: the largest that was left out, or a known constant.
  std::optional<double> threshold() const {
    if (!(threshold_.above <= threshold_.up_to)) return std::nullopt;
    const bool zero = threshold_.above <= 0.0 && 0.0 <= threshold_.up_to;
    return zero ? 0.0 : threshold_.above;
  }

 private:
  std::size_t most_, cut_ = 0;
  bool shares_ = true;
  Range mass_, threshold_;
  std::vector<float> sorted_;
};

}  // namespace

void try_cut_choice(const RunSet& runs, Findings& findings) {
  if (findings.accepted(ids::top_k) || findings.accepted(ids::expert_threshold) || runs.experts() < 2) return;
  const std::size_t most = runs.largest_count();
  if (runs.smallest_count() == most) return;
  CutReader reader(most);
  for (std::size_t i = 0; i < runs.size(); ++i) {
    if (runs.profile(i).unordered > 0) return;
    const auto view = runs.view(i);
    for (std::size_t token = 0; token < view->tokens(); ++token) {
      if (view->routed(token)) reader.read(view->scores().row(token), runs.profile(i).best_count[token]);
    }
  }
  // One constant is fitted: few tokens that were cut would fit any.
  if (reader.cut() < 2 * runs.experts()) return;
  bool known = false;
  if (const auto mass = reader.mass()) {
    findings.accept(ids::expert_threshold, {{"mass", *mass}, {"most", most}});
  } else if (const auto threshold = reader.threshold()) {
    findings.accept(ids::expert_threshold, {{"thresholds", *threshold}, {"most", most}});
    known = *threshold == 0.0;
  } else {
    return;
  }
  // A constant that fits one batch may have been computed from it.
  if (!known && !several_batches(runs)) findings.candidates.back().causal.reset();
}

}  // namespace pastonly::routing::hypotheses

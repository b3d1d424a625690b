#pragma once

#include <optional>
#include <span>

namespace pastonly::stats {

/// The loss of one training run against its steps. Both of one length, steps ascending; losses in any unit.
/// Points whose loss is not finite are left out.
struct LossCurve {
  std::span<const double> steps;
  std::span<const double> losses;
};

/// Mean loss over the points of the last `share` of the steps, the last point at least: batch noise averages
/// out. nullopt without points.
std::optional<double> final_loss(const LossCurve& curve, double share = 0.1);

/// How fast the loss falls: loss units per doubling of the steps, minus the least-squares slope of the loss
/// on log2(step) over the points from `from` of the last step on. nullopt with fewer than two different steps
/// above 0.
std::optional<double> decline_per_doubling(const LossCurve& curve, double from = 0.1);

/// The first step at which the mean of this and the previous points, `window` in all, is at or below the
/// target. nullopt where that never happens, or with fewer points than the window.
std::optional<double> steps_to_reach(const LossCurve& curve, double target, std::size_t window = 1);

}  // namespace pastonly::stats

#include "stats/loss_curve.h"

#include <cmath>
#include <cstddef>
#include <vector>

#include "kernels/elementary.h"

namespace pastonly::stats {
namespace {

struct Points {
  std::vector<double> steps, losses;
};

Points finite(const LossCurve& curve) {
  Points out;
  for (std::size_t i = 0; i < curve.losses.size(); ++i) {
    if (!std::isfinite(curve.losses[i]) || !std::isfinite(curve.steps[i])) continue;
    out.steps.push_back(curve.steps[i]);
    out.losses.push_back(curve.losses[i]);
  }
  return out;
}

}  // namespace

std::optional<double> final_loss(const LossCurve& curve, double share) {
  const Points points = finite(curve);
  if (points.steps.empty()) return std::nullopt;
  const double last = points.steps.back();
  double sum = 0.0, count = 0.0;
  for (std::size_t i = points.steps.size(); i-- > 0;) {
    if (count > 0.0 && points.steps[i] <= last * (1.0 - share)) break;
    sum += points.losses[i];
    count += 1.0;
  }
  return sum / count;
}

std::optional<double> decline_per_doubling(const LossCurve& curve, double from) {
  const Points points = finite(curve);
  if (points.steps.empty()) return std::nullopt;
  const double first = points.steps.back() * from;
  double count = 0.0, mean_x = 0.0, mean_y = 0.0, xx = 0.0, xy = 0.0;
  for (std::size_t i = 0; i < points.steps.size(); ++i) {
    if (!(points.steps[i] > 0.0) || points.steps[i] < first) continue;
    const double x = kernels::log2(points.steps[i]), y = points.losses[i];
    count += 1.0;
    // Welford's update: steps far from 0 cost no digits.
    const double before = x - mean_x;
    mean_x += before / count;
    mean_y += (y - mean_y) / count;
    xx += before * (x - mean_x);
    xy += before * (y - mean_y);
  }
  if (!(xx > 0.0)) return std::nullopt;
  return -xy / xx;
}

std::optional<double> steps_to_reach(const LossCurve& curve, double target, std::size_t window) {
  const Points points = finite(curve);
  if (window == 0) return std::nullopt;
  double sum = 0.0;
  for (std::size_t i = 0; i < points.losses.size(); ++i) {
    sum += points.losses[i];
    if (i >= window) sum -= points.losses[i - window];
    if (i + 1 >= window && sum / static_cast<double>(window) <= target) return points.steps[i];
  }
  return std::nullopt;
}

}  // namespace pastonly::stats

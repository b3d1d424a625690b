#include "stats/mean_difference.h"

#include <algorithm>
#include <cmath>

#include "stats/distributions.h"

namespace pastonly::stats {
namespace {

struct Sample {
  double count = 0.0, mean = 0.0, squares = 0.0;  // squares: sum of squared deviations

  double variance() const { return squares / (count - 1.0); }
};

Sample sample_of(std::span<const double> values) {
  Sample out;
  for (const double value : values) {
    if (!std::isfinite(value)) continue;
    out.count += 1.0;
    const double before = value - out.mean;
    out.mean += before / out.count;
    out.squares += before * (value - out.mean);
  }
  return out;
}

}  // namespace

std::optional<MeanDifference> mean_difference(std::span<const double> first, std::span<const double> second,
                                              double alpha) {
  const Sample a = sample_of(first), b = sample_of(second);
  if (a.count == 0.0 || b.count == 0.0) return std::nullopt;
  MeanDifference out;
  out.value = a.mean - b.mean;
  const double degrees = std::min(a.count, b.count) - 1.0;
  if (degrees < 1.0) return out;
  const double scale = std::sqrt(a.variance() / a.count + b.variance() / b.count);
  if (!(scale > 0.0)) return out;
  const double width = scale * students_t_quantile(alpha / 2.0, degrees);
  out.interval = Interval{out.value - width, out.value + width};
  out.p_value = students_t_tail(out.value / scale, degrees);
  return out;
}

}  // namespace pastonly::stats

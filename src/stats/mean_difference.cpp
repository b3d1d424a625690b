#include "stats/mean_difference.h"

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

struct StandardError {
  double squared = 0.0;
  double degrees = 0.0;
};

StandardError standard_error(const Sample& a, const Sample& b) {
  if (a.count < 2.0 || b.count < 2.0) {
    const Sample& known = a.count < 2.0 ? b : a;
    if (known.count < 2.0) return {};
    return {known.variance() * (1.0 / a.count + 1.0 / b.count), known.count - 1.0};
  }
  const double x = a.variance() / a.count, y = b.variance() / b.count;
  const double squared = x + y;
  if (!(squared > 0.0)) return {};
  // In shares: squares of tiny variances would be 0.
  const double first = x / squared, second = y / squared;
  return {squared, 1.0 / (first * first / (a.count - 1.0) + second * second / (b.count - 1.0))};
}

}  // namespace

std::optional<MeanDifference> mean_difference(std::span<const double> first, std::span<const double> second,
                                              double alpha) {
  const Sample a = sample_of(first), b = sample_of(second);
  if (a.count == 0.0 || b.count == 0.0) return std::nullopt;
  MeanDifference out;
  out.value = a.mean - b.mean;
  const StandardError error = standard_error(a, b);
  if (!(error.squared > 0.0)) return out;
  const double scale = std::sqrt(error.squared);
  const double width = scale * students_t_quantile(alpha / 2.0, error.degrees);
  out.interval = Interval{out.value - width, out.value + width};
  out.p_value = students_t_tail(out.value / scale, error.degrees);
  return out;
}

}  // namespace pastonly::stats

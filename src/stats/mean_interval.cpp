#include "stats/mean_interval.h"

#include <cmath>

#include "stats/distributions.h"

namespace pastonly::stats {

std::optional<Interval> mean_interval(std::span<const double> values, double alpha) {
  if (values.size() < 2) return std::nullopt;
  const auto count = static_cast<double>(values.size());
  double sum = 0.0;
  for (const double value : values) sum += value;
  const double mean = sum / count;
  if (!std::isfinite(mean)) return std::nullopt;
  double squares = 0.0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  const double error = std::sqrt(squares / (count - 1.0) / count);
  const double reach = students_t_quantile(alpha / 2.0, count - 1.0) * error;
  return Interval{mean - reach, mean + reach};
}

}  // namespace pastonly::stats

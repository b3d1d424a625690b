#include "stats/mean_interval.h"

#include <boost/math/distributions/students_t.hpp>
#include <cmath>

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
  const boost::math::students_t distribution(count - 1.0);
  const double reach = boost::math::quantile(boost::math::complement(distribution, alpha / 2.0)) * error;
  return Interval{mean - reach, mean + reach};
}

}  // namespace pastonly::stats

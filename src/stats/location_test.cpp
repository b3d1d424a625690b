#include "stats/location_test.h"

#include <cmath>
#include <cstddef>
#include <vector>

#include "stats/distributions.h"

namespace pastonly::stats {

double mean_exceeds(std::span<const double> values, double bound) {
  double count = 0.0, sum = 0.0;
  for (const double value : values) {
    if (!std::isfinite(value)) continue;
    count += 1.0;
    sum += value;
  }
  if (count < 2.0) return 1.0;
  const double mean = sum / count;
  double squares = 0.0;
  for (const double value : values) {
    if (std::isfinite(value)) squares += (value - mean) * (value - mean);
  }
  const double error = std::sqrt(squares / (count - 1.0) / count);
  if (!(error > 0.0)) return mean > bound ? 0.0 : 1.0;
  return students_t_tail((mean - bound) / error, count - 1.0);
}

double kendall_trend(std::span<const double> values) {
  std::vector<double> kept;
  for (const double value : values) {
    if (!std::isnan(value)) kept.push_back(value);
  }
  double agreement = 0.0, untied = 0.0, pairs = 0.0;
  for (std::size_t i = 0; i < kept.size(); ++i) {
    for (std::size_t j = i + 1; j < kept.size(); ++j) {
      pairs += 1.0;
      agreement += static_cast<double>(kept[j] > kept[i]) - static_cast<double>(kept[j] < kept[i]);
      untied += kept[j] != kept[i] ? 1.0 : 0.0;
    }
  }
  return untied > 0.0 ? agreement / std::sqrt(untied * pairs) : 0.0;
}

}  // namespace pastonly::stats

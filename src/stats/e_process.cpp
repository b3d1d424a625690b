#include "stats/e_process.h"

#include <algorithm>
#include <cmath>

#include "kernels/elementary.h"

namespace pastonly::stats {

void EProcess::observe(double log2_ratio) noexcept {
  ++length_;
  const bool none = std::isnan(log2_ratio) || log2_ratio == std::numeric_limits<double>::infinity();
  value_ += none ? -std::numeric_limits<double>::infinity() : log2_ratio;
  supremum_ = std::max(supremum_, value_);
}

double log2_mean(std::span<const double> log2_values) {
  if (log2_values.empty()) return 0.0;
  const double largest = *std::max_element(log2_values.begin(), log2_values.end());
  if (!std::isfinite(largest)) return largest;
  double sum = 0.0;
  for (const double value : log2_values) sum += kernels::exp2(value - largest);
  return largest + kernels::log2(sum / static_cast<double>(log2_values.size()));
}

double p_value_of(double log2_e) noexcept {
  return std::isnan(log2_e) ? 1.0 : std::min(1.0, kernels::exp2(-log2_e));
}

double mean_lower_bound(double log2_e, double alpha, double tokens) noexcept {
  return (log2_e - kernels::log2(1.0 / alpha)) / tokens;
}

}  // namespace pastonly::stats

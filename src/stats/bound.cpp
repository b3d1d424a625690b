#include "stats/bound.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "kernels/elementary.h"
#include "stats/distributions.h"
#include "stats/entropy.h"

namespace pastonly::stats {

double expert_choice_floor(double experts, double top_k) {
  const double ratio = top_k / experts;
  if (ratio >= 1.0) return -std::numeric_limits<double>::infinity();
  return top_k * kernels::log2((1.0 - ratio) / ratio);
}

double expert_choice_capacity(std::uint64_t experts, double top_k, std::uint64_t chunk) {
  if (chunk == 0) return 0.0;
  return static_cast<double>(experts) *
         log2_binomial(static_cast<double>(chunk),
                       static_cast<double>(tokens_per_expert(experts, top_k, chunk))) /
         static_cast<double>(chunk);
}

double expert_choice_limit(double experts, double top_k) {
  const double ratio = std::min(top_k / experts, 1.0);
  return -experts * (x_log2_x(ratio) + x_log2_x(1.0 - ratio));
}

std::uint64_t tokens_per_expert(std::uint64_t experts, double top_k, std::uint64_t chunk) {
  // A mean K computed from counts may fall short of the exact quotient by rounding.
  const double exact = top_k * static_cast<double>(chunk) / static_cast<double>(experts);
  const auto whole = static_cast<std::uint64_t>(exact * (1.0 + 1e-12) + 1e-12);
  return std::clamp<std::uint64_t>(whole, 1, std::max<std::uint64_t>(chunk, 1));
}

double observed_capacity(std::span<const std::uint64_t> counts, std::uint64_t chunk) {
  if (chunk == 0) return 0.0;
  double bits = 0.0;
  for (const std::uint64_t count : counts) {
    bits += log2_binomial(static_cast<double>(chunk), static_cast<double>(count));
  }
  return bits / static_cast<double>(chunk);
}

double log2_binomial(double n, double k) {
  if (std::isnan(n) || std::isnan(k)) return std::numeric_limits<double>::quiet_NaN();
  if (k < 0.0 || k > n) return -std::numeric_limits<double>::infinity();
  if (k == 0.0 || k == n) return 0.0;
  return log_binomial(n, k) / std::numbers::ln2;
}

}  // namespace pastonly::stats

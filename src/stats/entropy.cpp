#include "stats/entropy.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "kernels/elementary.h"

namespace pastonly::stats {
namespace {

struct Summary {
  double total = 0.0;
  double seen = 0.0;
};

Summary summarise(std::span<const std::uint64_t> counts) {
  Summary summary;
  for (const std::uint64_t count : counts) {
    summary.total += static_cast<double>(count);
    summary.seen += count > 0 ? 1.0 : 0.0;
  }
  return summary;
}

}  // namespace

double x_log2_x(double x) { return x > 0.0 ? x * kernels::log2(x) : 0.0; }

double plug_in_entropy(std::span<const std::uint64_t> counts) {
  const double total = summarise(counts).total;
  double bits = 0.0;
  for (const std::uint64_t count : counts) {
    if (count == 0) continue;
    const double share = static_cast<double>(count) / total;
    bits -= share * kernels::log2(share);
  }
  return std::max(0.0, bits);
}

double miller_madow_entropy(std::span<const std::uint64_t> counts) {
  const auto [total, seen] = summarise(counts);
  if (total == 0.0) return 0.0;
  return plug_in_entropy(counts) + (seen - 1.0) / (2.0 * total * std::numbers::ln2);
}

double certified_entropy(std::span<const std::uint64_t> counts, double delta) {
  const double total = summarise(counts).total;
  if (total <= 1.0 || !(delta > 0.0)) return 0.0;
  const double slack =
      kernels::log2(total) * std::sqrt(2.0 * kernels::log(1.0 / std::min(delta, 1.0)) / total);
  return std::max(0.0, plug_in_entropy(counts) - slack);
}

double collision_entropy(double difference_probability) {
  if (std::isnan(difference_probability)) return 0.0;
  const double bits = -kernels::log2(1.0 - std::clamp(difference_probability, 0.0, 1.0));
  return bits == 0.0 ? 0.0 : bits;
}

}  // namespace pastonly::stats

#include "stats/holm.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>

namespace pastonly::stats {

std::vector<double> holm_adjusted(std::span<const double> p_values) {
  const auto cleaned = [&](std::size_t i) {
    return std::isnan(p_values[i]) ? 1.0 : std::clamp(p_values[i], 0.0, 1.0);
  };
  std::vector<std::size_t> order(p_values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return cleaned(a) < cleaned(b); });
  std::vector<double> adjusted(p_values.size());
  double largest = 0.0;
  for (std::size_t rank = 0; rank < order.size(); ++rank) {
    const double scaled = static_cast<double>(order.size() - rank) * cleaned(order[rank]);
    largest = std::min(1.0, std::max(largest, scaled));
    adjusted[order[rank]] = largest;
  }
  return adjusted;
}

}  // namespace pastonly::stats

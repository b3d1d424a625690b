#include "stats/halves.h"

#include <algorithm>
#include <functional>
#include <numeric>

namespace pastonly::stats {

Halves::Halves(std::span<const std::size_t> groups) {
  if (groups.empty()) return;
  half.resize(groups.back());
  group.resize(groups.back());
  const bool single = groups.size() == 2;
  for (std::size_t g = 0; g + 1 < groups.size(); ++g) {
    for (std::size_t unit = groups[g]; unit < groups[g + 1]; ++unit) {
      half[unit] = single ? 2 * (unit - groups[g]) >= groups[g + 1] - groups[g] : g % 2;
      group[unit] = g;
    }
  }
}

std::vector<std::size_t> popularity(std::span<const std::size_t> counts) {
  std::vector<std::size_t> order(counts.size()), ranks(counts.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, std::greater<>(), [&](std::size_t value) { return counts[value]; });
  for (std::size_t i = 0; i < order.size(); ++i) ranks[order[i]] = i;
  return ranks;
}

}  // namespace pastonly::stats

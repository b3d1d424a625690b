#include "stats/held_out_hits.h"

#include <algorithm>
#include <numeric>

#include "stats/halves.h"

namespace pastonly::stats {
namespace {

/// The values by how often they occur in a half: rank of each, 0 for the most frequent.
std::vector<std::size_t> popular_of(const LabelledUnits& units, const Halves& halves, std::uint8_t half) {
  std::vector<std::size_t> counts(units.value_count, 0);
  for (std::size_t unit = 0; unit < units.units(); ++unit) {
    if (halves.half[unit] != half) continue;
    for (std::size_t i = units.starts[unit]; i < units.starts[unit + 1]; ++i) ++counts[units.values[i]];
  }
  return popularity(counts);
}

/// Units in order of label.
std::vector<std::size_t> by_label(const LabelledUnits& units) {
  std::vector<std::size_t> order(units.units());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {}, [&](std::size_t unit) { return units.labels[unit]; });
  return order;
}

}  // namespace

std::vector<Hits> held_out_hits(const LabelledUnits& units) {
  std::vector<Hits> out(units.groups.empty() ? 0 : units.groups.size() - 1);
  const Halves halves(units.groups);
  const std::vector<std::size_t> popular[2] = {popular_of(units, halves, 0), popular_of(units, halves, 1)};
  const auto order = by_label(units);
  const auto values_of = [&](std::size_t unit) {
    return units.values.subspan(units.starts[unit], units.starts[unit + 1] - units.starts[unit]);
  };
  std::size_t most = 0;  // values of any unit: no prediction names more
  for (std::size_t unit = 0; unit < units.units(); ++unit) most = std::max(most, values_of(unit).size());
  std::vector<std::size_t> counts(units.value_count), best(units.value_count), rank(units.value_count);
  for (std::size_t first = 0, end = 0; first < order.size(); first = end) {
    const std::uint32_t label = units.labels[order[first]];
    for (end = first; end < order.size() && units.labels[order[end]] == label; ++end) continue;
    const auto alike = std::span(order).subspan(first, end - first);
    for (const std::uint8_t learned : {std::uint8_t{0}, std::uint8_t{1}}) {
      const auto& ranks = popular[learned];
      std::ranges::fill(counts, std::size_t{0});
      for (const std::size_t unit : alike) {
        for (const std::uint32_t value : values_of(unit))
          counts[value] += halves.half[unit] == learned ? 1 : 0;
      }
      std::iota(best.begin(), best.end(), std::size_t{0});
      std::partial_sort(best.begin(), best.begin() + static_cast<std::ptrdiff_t>(most), best.end(),
                        [&](std::size_t a, std::size_t b) {
                          return counts[a] != counts[b] ? counts[a] > counts[b] : ranks[a] < ranks[b];
                        });
      std::ranges::fill(rank, SIZE_MAX);
      for (std::size_t i = 0; i < most; ++i) rank[best[i]] = i;
      for (const std::size_t unit : alike) {
        if (halves.half[unit] == learned) continue;
        const auto values = values_of(unit);
        Hits& hits = out[halves.group[unit]];
        for (const std::uint32_t value : values) {
          hits.values += 1.0;
          hits.table += rank[value] < values.size() ? 1.0 : 0.0;
          hits.popular += ranks[value] < values.size() ? 1.0 : 0.0;
        }
      }
    }
  }
  return out;
}

}  // namespace pastonly::stats

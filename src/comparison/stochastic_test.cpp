#include "comparison/stochastic_test.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <tuple>

#include "stats/random.h"

namespace pastonly::comparison {
namespace {

constexpr std::size_t most_splits = 5000;

/// Mean distance between the groups minus within the first; `member` marks the first.
double statistic(std::span<const double> distances, std::size_t n, const std::vector<bool>& member) {
  double between = 0.0, within = 0.0;
  std::size_t pairs_between = 0, pairs_within = 0;
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = i + 1; j < n; ++j) {
      if (member[i] != member[j]) {
        between += distances[i * n + j];
        ++pairs_between;
      } else if (member[i]) {
        within += distances[i * n + j];
        ++pairs_within;
      }
    }
  }
  return between / static_cast<double>(pairs_between) - within / static_cast<double>(pairs_within);
}

double splits(std::size_t n, std::size_t first) {
  double count = 1.0;
  for (std::size_t i = 0; i < first; ++i) count *= static_cast<double>(n - i) / static_cast<double>(i + 1);
  return count;
}

/// Mask entries of all layers before the cut in one row.
std::vector<std::uint8_t> prefix_mask(const Trace& trace, std::size_t row, std::size_t positions) {
  std::vector<std::uint8_t> out;
  for (const LayerRecord& layer : trace.layers) {
    const std::size_t size = out.size();
    out.resize(size + positions * layer.experts);
    read_mask(layer, row * trace.layout.positions, positions, std::span(out).subspan(size));
  }
  return out;
}

struct Group {
  const Reference* reference = nullptr;
  std::vector<const Intervention*> suffixes;
};

struct Distances {
  std::vector<double> values;  // (n, n) shares of entries
  std::size_t n = 0;
};

Expected<Distances> distances_of(evidence::Observations& observations, const Group& group, std::size_t row,
                                 std::size_t cut) {
  std::vector<std::vector<std::uint8_t>> masks{prefix_mask(group.reference->base, row, cut)};
  std::vector<const Intervention*> runs = group.reference->repeats;
  runs.insert(runs.end(), group.suffixes.begin(), group.suffixes.end());
  for (const Intervention* run : runs) {
    const auto trace = observations.trace(*run);
    if (!trace) return tl::unexpected(trace.error());
    masks.push_back(prefix_mask(*trace, row, cut));
  }
  Distances out;
  out.n = masks.size();
  out.values.assign(out.n * out.n, 0.0);
  for (std::size_t i = 0; i < out.n; ++i) {
    for (std::size_t j = 0; j < out.n; ++j) {
      const int differing = std::inner_product(masks[i].begin(), masks[i].end(), masks[j].begin(), 0,
                                               std::plus<>(), std::not_equal_to<>());
      out.values[i * out.n + j] =
          static_cast<double>(differing) / static_cast<double>(std::max<std::size_t>(1, masks[i].size()));
    }
  }
  return out;
}

}  // namespace

double exchangeability_p(std::span<const double> distances, std::size_t n, std::size_t first,
                         std::uint64_t seed) {
  std::vector<bool> member(n, false);
  std::fill_n(member.begin(), first, true);
  const double observed = statistic(distances, n, member);
  const double tie = 1e-12;  // equal splits must not fall apart by the order of a sum
  if (splits(n, first) <= static_cast<double>(most_splits)) {
    std::size_t total = 0, extreme = 0;
    std::sort(member.begin(), member.end());
    do {
      ++total;
      extreme += statistic(distances, n, member) >= observed - tie ? 1 : 0;
    } while (std::next_permutation(member.begin(), member.end()));
    return static_cast<double>(extreme) / static_cast<double>(total);
  }
  stats::CounterRng rng(seed, 41);
  std::size_t extreme = 1;
  for (std::size_t draw = 1; draw < most_splits; ++draw) {
    for (std::size_t i = n; i > 1; --i) {
      const std::size_t j = rng.below(i);
      const bool swapped = member[i - 1];
      member[i - 1] = member[j];
      member[j] = swapped;
    }
    extreme += statistic(distances, n, member) >= observed - tie ? 1 : 0;
  }
  return static_cast<double>(extreme) / static_cast<double>(most_splits);
}

Expected<std::optional<StochasticTest>> test_stochastic(evidence::Observations& observations,
                                                        References& references,
                                                        std::span<const RunRegions> suffixes,
                                                        std::uint64_t seed) {
  std::map<std::tuple<std::uint32_t, std::size_t, std::size_t>, Group> groups;  // (base, cut, row)
  for (const RunRegions& comparison : suffixes) {
    const auto reference = references.of(*comparison.run);
    if (!reference) return tl::unexpected(reference.error());
    if ((*reference)->repeats.empty() || comparison.regions.empty()) continue;
    Group& group =
        groups[{comparison.run->base.value_or(0), comparison.run->cut, comparison.regions[0].base_row}];
    group.reference = *reference;
    group.suffixes.push_back(comparison.run);
  }
  if (groups.empty()) return std::optional<StochasticTest>{};
  StochasticTest out;
  double sum = 0.0;
  for (const auto& [key, group] : groups) {
    const auto distances = distances_of(observations, group, std::get<2>(key), std::get<1>(key));
    if (!distances) return tl::unexpected(distances.error());
    const std::size_t first = 1 + group.reference->repeats.size();
    sum += exchangeability_p(distances->values, distances->n, first, seed + out.groups);
    double between = 0.0, within = 0.0;
    for (std::size_t i = 0; i < first; ++i) {
      for (std::size_t j = 0; j < distances->n; ++j) {
        const double d = distances->values[i * distances->n + j];
        (j < first ? within : between) += d;
      }
    }
    out.within += within / static_cast<double>(first * (first - 1));
    out.between += between / static_cast<double>(first * (distances->n - first));
    ++out.groups;
  }
  const auto count = static_cast<double>(out.groups);
  out.p_value = std::min(1.0, 2.0 * sum / count);
  out.within /= count;
  out.between /= count;
  return std::optional<StochasticTest>{out};
}

}  // namespace pastonly::comparison

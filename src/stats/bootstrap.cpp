#include "stats/bootstrap.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "stats/distributions.h"
#include "stats/random.h"

namespace pastonly::stats {
namespace {

struct Units {
  std::vector<double> sums, weights;
  double total = 0.0, weight = 0.0;
};

Units usable(std::span<const double> sums, std::span<const double> weights) {
  Units units;
  for (std::size_t i = 0; i < std::min(sums.size(), weights.size()); ++i) {
    if (!std::isfinite(sums[i]) || !std::isfinite(weights[i]) || weights[i] <= 0.0) continue;
    units.sums.push_back(sums[i]);
    units.weights.push_back(weights[i]);
    units.total += sums[i];
    units.weight += weights[i];
  }
  return units;
}

// Efron's acceleration from the jackknife: a sixth of the skewness of the leave-one-out values.
double acceleration(const Units& units) {
  const std::size_t n = units.sums.size();
  std::vector<double> without(n);
  double mean = 0.0;
  for (std::size_t i = 0; i < n; ++i) {
    without[i] = (units.total - units.sums[i]) / (units.weight - units.weights[i]);
    mean += without[i] / static_cast<double>(n);
  }
  double squares = 0.0, cubes = 0.0;
  for (const double value : without) {
    const double deviation = mean - value;
    squares += deviation * deviation;
    cubes += deviation * deviation * deviation;
  }
  return squares > 0.0 ? cubes / (6.0 * squares * std::sqrt(squares)) : 0.0;
}

std::vector<double> resampled_ratios(const Units& units, const BootstrapOptions& options) {
  CounterRng rng(options.seed, options.stream);
  std::vector<double> ratios(std::max<std::size_t>(options.resamples, 1));
  for (double& ratio : ratios) {
    double total = 0.0, weight = 0.0;
    for (std::size_t i = 0; i < units.sums.size(); ++i) {
      const std::size_t drawn = rng.below(units.sums.size());
      total += units.sums[drawn];
      weight += units.weights[drawn];
    }
    ratio = total / weight;
  }
  std::sort(ratios.begin(), ratios.end());
  return ratios;
}

}  // namespace

std::optional<Interval> bootstrap_ratio(std::span<const double> sums, std::span<const double> weights,
                                        const BootstrapOptions& options) {
  const Units units = usable(sums, weights);
  if (units.sums.size() < 2) return std::nullopt;
  // Nothing in any unit is nothing in every draw.
  if (std::ranges::all_of(units.sums, [](double sum) { return sum == 0.0; })) return Interval{0.0, 0.0};
  const std::vector<double> ratios = resampled_ratios(units, options);
  const auto count = static_cast<double>(ratios.size());
  const double observed = units.total / units.weight;
  const auto [first, last] = std::equal_range(ratios.begin(), ratios.end(), observed);
  // Ties with the observed value (few units, tied units) count half.
  const double below =
      (static_cast<double>(first - ratios.begin()) + 0.5 * static_cast<double>(last - first)) / count;
  const double bias = normal_quantile(std::clamp(below, 0.5 / count, 1.0 - 0.5 / count));
  const double skew = acceleration(units);
  const auto quantile = [&](double p) {
    const double shifted = bias + normal_quantile(p);
    const double level = normal_cdf(bias + shifted / std::max(1e-6, 1.0 - skew * shifted));
    const auto rank = static_cast<std::size_t>(std::clamp(level * count, 0.0, count - 1.0));
    return ratios[rank];
  };
  return Interval{quantile(options.alpha / 2.0), quantile(1.0 - options.alpha / 2.0)};
}

}  // namespace pastonly::stats

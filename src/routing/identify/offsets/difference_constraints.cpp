#include "routing/identify/offsets/difference_constraints.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace pastonly::routing::hypotheses {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

struct Paths {
  std::vector<double> distance;       // (n)
  std::vector<std::size_t> previous;  // (n) n = none
  std::size_t relaxed = 0;            ///< unknown relaxed in the last round; n = none: no negative cycle
};

/// Bellman-Ford from a source joined to every unknown at distance 0 (Cormen et al., section 24.4).
Paths shortest_paths(const std::vector<double>& limits, std::size_t n, double slack) {
  Paths paths{std::vector<double>(n, 0.0), std::vector<std::size_t>(n, n), n};
  for (std::size_t round = 0; round <= n; ++round) {
    paths.relaxed = n;
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < n; ++j) {
        const double through = paths.distance[i] + (limits[i * n + j] - slack);
        if (!(through < paths.distance[j])) continue;
        paths.distance[j] = through;
        paths.previous[j] = i;
        paths.relaxed = j;
      }
    }
    if (paths.relaxed == n) break;
  }
  return paths;
}

}  // namespace

DifferenceConstraints::DifferenceConstraints(std::size_t n) : n_(n), limits_(n * n, infinity) {}

void DifferenceConstraints::tighten(const DifferenceConstraints& other) {
  for (std::size_t i = 0; i < limits_.size(); ++i) limits_[i] = std::min(limits_[i], other.limits_[i]);
}

std::optional<DifferenceConstraints::Solution> DifferenceConstraints::solve(double tolerance) const {
  double least = -tolerance;
  auto best = shortest_paths(limits_, n_, least);
  if (best.relaxed != n_) return std::nullopt;
  double widest = 0.0;
  for (const double limit : limits_) {
    if (std::isfinite(limit)) widest = std::max(widest, std::abs(limit));
  }
  double most = 2.0 * widest;
  for (int step = 0; step < 40 && most - least > 1e-3 * tolerance; ++step) {
    const double slack = 0.5 * (least + most);
    auto paths = shortest_paths(limits_, n_, slack);
    if (paths.relaxed == n_) {
      least = slack;
      best = std::move(paths);
    } else {
      most = slack;
    }
  }
  Solution solution{std::move(best.distance), least};
  double mean = 0.0;
  for (const double value : solution.values) mean += value / static_cast<double>(n_);
  for (double& value : solution.values) value -= mean;
  return solution;
}

std::vector<std::size_t> DifferenceConstraints::negative_cycle(double tolerance) const {
  const auto paths = shortest_paths(limits_, n_, -tolerance);
  if (paths.relaxed == n_) return {};
  // n steps back from anything relaxed in round n lead onto the cycle.
  std::size_t on_cycle = paths.relaxed;
  for (std::size_t step = 0; step < n_; ++step) on_cycle = paths.previous[on_cycle];
  std::vector<std::size_t> cycle;
  for (std::size_t at = on_cycle; cycle.empty() || at != on_cycle; at = paths.previous[at])
    cycle.push_back(at);
  std::ranges::reverse(cycle);
  return cycle;
}

}  // namespace pastonly::routing::hypotheses

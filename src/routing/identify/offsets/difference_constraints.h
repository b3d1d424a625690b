#pragma once

#include <cstddef>
#include <optional>
#include <vector>

namespace pastonly::routing::hypotheses {

/// Constraints b_j - b_i <= limit(i, j) among n unknowns; +infinity where there is none.
class DifferenceConstraints {
 public:
  explicit DifferenceConstraints(std::size_t n);

  std::size_t size() const noexcept { return n_; }
  double& limit(std::size_t i, std::size_t j) noexcept { return limits_[i * n_ + j]; }
  double limit(std::size_t i, std::size_t j) const noexcept { return limits_[i * n_ + j]; }
  /// Keeps the tighter limit of each pair.
  void tighten(const DifferenceConstraints& other);

  struct Solution {
    std::vector<double> values;  // (n), mean 0
    double slack = 0.0;          ///< every constraint holds with at least this to spare
  };
  /// A solution that keeps as far from all limits as it can (Bellman-Ford under a bisected slack), or
  /// nullopt where some cycle of limits sums below -tolerance per edge.
  std::optional<Solution> solve(double tolerance) const;
  /// The unknowns of a negative cycle, in order, where solve(tolerance) has no solution: i -> j uses
  /// limit(i, j).
  std::vector<std::size_t> negative_cycle(double tolerance) const;

 private:
  std::size_t n_;
  std::vector<double> limits_;  // (n, n)
};

}  // namespace pastonly::routing::hypotheses

#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace pastonly::stats {

/// A linear system with more equations than unknowns, of sparse rows, by its normal equations.
class LeastSquares {
 public:
  explicit LeastSquares(std::size_t unknowns);

  /// One equation: sum of coefficient * unknown over `row` equals value. Unknowns may repeat.
  void add(std::span<const std::pair<std::size_t, double>> row, double value);
  /// The least-squares solution. Unknowns in no equation come out 0. nullopt with fewer equations than
  /// twice the unknowns, without a unique solution, or where anything is not finite.
  std::optional<std::vector<double>> solve() const;

 private:
  std::size_t unknowns_;
  std::vector<double> matrix_;  // (unknowns, unknowns), lower triangle
  std::vector<double> right_;   // (unknowns)
  std::size_t equations_ = 0;
};

}  // namespace pastonly::stats

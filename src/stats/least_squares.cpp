#include "stats/least_squares.h"

#include <algorithm>
#include <cmath>

#include "stats/cholesky.h"

namespace pastonly::stats {

LeastSquares::LeastSquares(std::size_t unknowns)
    : unknowns_(unknowns), matrix_(unknowns * unknowns, 0.0), right_(unknowns, 0.0) {}

void LeastSquares::add(std::span<const std::pair<std::size_t, double>> row, double value) {
  ++equations_;
  for (const auto& [i, a] : row) {
    right_[i] += a * value;
    for (const auto& [j, b] : row) {
      if (j <= i) matrix_[i * unknowns_ + j] += a * b;
    }
  }
}

std::optional<std::vector<double>> LeastSquares::solve() const {
  if (unknowns_ == 0 || equations_ < 2 * unknowns_) return std::nullopt;
  std::vector<double> factor = matrix_, solution = right_;
  for (std::size_t i = 0; i < unknowns_; ++i) {
    double& diagonal = factor[i * unknowns_ + i];
    if (diagonal == 0.0) diagonal = 1.0;  // in no equation
  }
  if (!cholesky(factor, unknowns_)) return std::nullopt;
  solve_cholesky(factor, solution);
  const bool finite = std::ranges::all_of(solution, [](double x) { return std::isfinite(x); });
  return finite ? std::optional(std::move(solution)) : std::nullopt;
}

}  // namespace pastonly::stats

#include "stats/least_squares.h"

#include <algorithm>
#include <cmath>

namespace pastonly::stats {
namespace {

/// A pivot this small against the unknown's own diagonal is rounding: the system has no unique solution.
constexpr double singular_pivot = 1e-10;

/// Cholesky's decomposition in place, lower triangle. False where the matrix is singular.
bool decompose(std::vector<double>& a, std::size_t n) {
  for (std::size_t j = 0; j < n; ++j) {
    const double diagonal = a[j * n + j];
    double pivot = diagonal;
    for (std::size_t k = 0; k < j; ++k) pivot -= a[j * n + k] * a[j * n + k];
    if (!(pivot > singular_pivot * diagonal)) return false;
    a[j * n + j] = std::sqrt(pivot);
    for (std::size_t i = j + 1; i < n; ++i) {
      double sum = a[i * n + j];
      for (std::size_t k = 0; k < j; ++k) sum -= a[i * n + k] * a[j * n + k];
      a[i * n + j] = sum / a[j * n + j];
    }
  }
  return true;
}

void substitute(const std::vector<double>& a, std::vector<double>& x) {
  const std::size_t n = x.size();
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t k = 0; k < i; ++k) x[i] -= a[i * n + k] * x[k];
    x[i] /= a[i * n + i];
  }
  for (std::size_t i = n; i-- > 0;) {
    for (std::size_t k = i + 1; k < n; ++k) x[i] -= a[k * n + i] * x[k];
    x[i] /= a[i * n + i];
  }
}

}  // namespace

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
  if (!decompose(factor, unknowns_)) return std::nullopt;
  substitute(factor, solution);
  const bool finite = std::ranges::all_of(solution, [](double x) { return std::isfinite(x); });
  return finite ? std::optional(std::move(solution)) : std::nullopt;
}

}  // namespace pastonly::stats

#include "stats/symmetric_eigen.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace pastonly::stats {
namespace {

constexpr std::size_t most_sweeps = 60;

struct Rotation {
  double cosine = 1.0, sine = 0.0;
};

/// The one that makes the entry `off` between two diagonal ones zero, by the smaller angle.
Rotation rotation_of(double first, double second, double off) {
  const double theta = (second - first) / (2.0 * off);
  const double tangent = (theta >= 0.0 ? 1.0 : -1.0) / (std::fabs(theta) + std::sqrt(theta * theta + 1.0));
  const double cosine = 1.0 / std::sqrt(tangent * tangent + 1.0);
  return {cosine, tangent * cosine};
}

/// (a, b) of every place becomes (c a - s b, s a + c b); `step` numbers lie between places.
void rotate(double* a, double* b, std::size_t count, std::size_t step, const Rotation& by) {
  for (std::size_t i = 0; i < count; ++i, a += step, b += step) {
    const double before = *a;
    *a = by.cosine * before - by.sine * *b;
    *b = by.sine * before + by.cosine * *b;
  }
}

}  // namespace

SymmetricEigen symmetric_eigen(std::vector<double> matrix, std::size_t n) {
  std::vector<double> vectors(n * n, 0.0);
  for (std::size_t i = 0; i < n; ++i) {
    vectors[i * n + i] = 1.0;
    for (std::size_t j = 0; j < i; ++j) matrix[i * n + j] = matrix[j * n + i];
  }
  double square = 0.0;
  for (const double entry : matrix) square += entry * entry;
  const double negligible = 1e-14 * std::sqrt(square) / std::max(1.0, static_cast<double>(n));
  for (std::size_t sweep = 0; sweep < most_sweeps; ++sweep) {
    bool rotated = false;
    for (std::size_t p = 0; p < n; ++p) {
      for (std::size_t q = p + 1; q < n; ++q) {
        const double off = matrix[p * n + q];
        if (!(std::fabs(off) > negligible)) continue;
        const Rotation by = rotation_of(matrix[p * n + p], matrix[q * n + q], off);
        rotate(&matrix[p], &matrix[q], n, n, by);
        rotate(&matrix[p * n], &matrix[q * n], n, 1, by);
        matrix[p * n + q] = matrix[q * n + p] = 0.0;
        rotate(&vectors[p * n], &vectors[q * n], n, 1, by);
        rotated = true;
      }
    }
    if (!rotated) break;
  }
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return matrix[a * n + a] > matrix[b * n + b]; });
  SymmetricEigen out;
  for (const std::size_t i : order) {
    out.values.push_back(matrix[i * n + i]);
    out.vectors.insert(out.vectors.end(), &vectors[i * n], &vectors[i * n] + n);
  }
  return out;
}

}  // namespace pastonly::stats

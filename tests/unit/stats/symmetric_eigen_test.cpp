#include "stats/symmetric_eigen.h"

#include <cmath>

#include "catch.h"
#include "stats/random.h"

namespace pastonly::stats {

TEST_CASE("eigenvalues of a matrix whose roots are known", "[stats][eigen]") {
  // [[2, 1], [1, 2]] has 3 along (1, 1) and 1 along (1, -1); the lower triangle is not read.
  const auto two = symmetric_eigen({2.0, 1.0, 99.0, 2.0}, 2);
  CHECK(two.values[0] == Approx(3.0));
  CHECK(two.values[1] == Approx(1.0));
  CHECK(std::fabs(two.vectors[0] * std::sqrt(0.5) + two.vectors[1] * std::sqrt(0.5)) == Approx(1.0));
  // The path of n points: 2 - 2 cos(pi k / (n + 1)).
  constexpr std::size_t n = 12;
  std::vector<double> path(n * n, 0.0);
  for (std::size_t i = 0; i < n; ++i) {
    path[i * n + i] = 2.0;
    if (i + 1 < n) path[i * n + i + 1] = -1.0;
  }
  const auto eigen = symmetric_eigen(path, n);
  for (std::size_t k = 1; k <= n; ++k)
    CHECK(eigen.values[n - k] ==
          Approx(2.0 - 2.0 * std::cos(std::acos(-1.0) * static_cast<double>(k) / 13.0)).epsilon(1e-12));
}

TEST_CASE("vectors are orthonormal and give the matrix back, of full rank or not", "[stats][eigen]") {
  constexpr std::size_t n = 24;
  for (const std::size_t rank : {std::size_t{3}, n, 2 * n}) {
    CounterRng random(rank);
    std::vector<double> matrix(n * n, 0.0), row(n);
    for (std::size_t r = 0; r < rank; ++r) {
      for (double& value : row) value = random.normal();
      for (std::size_t i = 0; i < n; ++i)
        for (std::size_t j = 0; j < n; ++j) matrix[i * n + j] += row[i] * row[j];
    }
    const auto eigen = symmetric_eigen(matrix, n);
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < n; ++j) {
        double inner = 0.0, again = 0.0;
        for (std::size_t k = 0; k < n; ++k) {
          inner += eigen.vectors[i * n + k] * eigen.vectors[j * n + k];
          again += eigen.values[k] * eigen.vectors[k * n + i] * eigen.vectors[k * n + j];
        }
        CHECK(inner == Approx(i == j ? 1.0 : 0.0).margin(1e-12));
        CHECK(again == Approx(matrix[i * n + j]).margin(1e-11));
      }
    }
    if (rank < n) CHECK(eigen.values[rank] == Approx(0.0).margin(1e-11));
  }
}

}  // namespace pastonly::stats

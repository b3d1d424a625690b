#include "stats/symmetric_eigen.h"

#include <cmath>
#include <numbers>
#include <vector>

#include "catch.h"
#include "stats/random.h"

using namespace pastonly;

namespace {

double product(const double* a, const double* b, std::size_t size) {
  double sum = 0.0;
  for (std::size_t i = 0; i < size; ++i) sum += a[i] * b[i];
  return sum;
}

}  // namespace

TEST_CASE("eigenvalues of second differences have their closed form", "[eigen]") {
  constexpr std::size_t n = 40;
  std::vector<double> matrix(n * n, 0.0);
  for (std::size_t i = 0; i < n; ++i) {
    matrix[i * n + i] = 2.0;
    if (i > 0) matrix[i * n + i - 1] = matrix[(i - 1) * n + i] = -1.0;
  }
  const auto found = stats::symmetric_eigen({matrix.data(), n, n});
  for (std::size_t k = 0; k < n; ++k) {
    const double angle = std::numbers::pi * static_cast<double>(n - k) / static_cast<double>(n + 1);
    CHECK(found.values[k] == Approx(2.0 - 2.0 * std::cos(angle)).epsilon(1e-12));
  }
}

TEST_CASE("vectors of a matrix of low rank are orthonormal and turned into multiples of themselves",
          "[eigen]") {
  constexpr std::size_t n = 30, rank = 7;
  stats::CounterRng random(2);
  std::vector<double> factor(n * rank), matrix(n * n);
  for (double& value : factor) value = random.normal();
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j)
      matrix[i * n + j] = product(factor.data() + i * rank, factor.data() + j * rank, rank);
  }
  const auto found = stats::symmetric_eigen({matrix.data(), n, n});
  for (std::size_t k = 0; k < rank; ++k) {
    for (std::size_t m = 0; m < rank; ++m)
      CHECK(product(found.vector(k), found.vector(m), n) == Approx(k == m ? 1.0 : 0.0).margin(1e-12));
    for (std::size_t i = 0; i < n; ++i)
      CHECK(product(matrix.data() + i * n, found.vector(k), n) ==
            Approx(found.values[k] * found.vector(k)[i]).margin(1e-11));
  }
  for (std::size_t k = rank; k < n; ++k) CHECK(found.values[k] < 1e-11 * found.values[0]);
}

TEST_CASE("points of a plane are found in it, wherever it lies", "[eigen]") {
  constexpr std::size_t n = 20, width = 5;
  stats::CounterRng random(4);
  std::vector<double> points(n * width), flat(n * 2);
  const double a[width] = {0.6, 0.0, 0.8, 0.0, 0.0}, b[width] = {0.0, 1.0, 0.0, 0.0, 0.0};
  for (std::size_t i = 0; i < n; ++i) {
    flat[2 * i] = 5.0 * random.normal();
    flat[2 * i + 1] = random.normal();
    for (std::size_t c = 0; c < width; ++c)
      points[i * width + c] = 10.0 + flat[2 * i] * a[c] + flat[2 * i + 1] * b[c];
  }
  const auto found = stats::principal_plane({points.data(), n, width});
  CHECK(found.share == Approx(1.0));
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const double here = std::hypot(found.points[2 * i] - found.points[2 * j],
                                     found.points[2 * i + 1] - found.points[2 * j + 1]);
      CHECK(here == Approx(std::hypot(flat[2 * i] - flat[2 * j], flat[2 * i + 1] - flat[2 * j + 1])));
    }
  }
  const std::vector<double> equal(12, 3.0);
  CHECK(stats::principal_plane({equal.data(), 4, 3}).share == 0.0);
}

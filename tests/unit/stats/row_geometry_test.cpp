#include "stats/row_geometry.h"

#include <cmath>
#include <vector>

#include "catch.h"
#include "stats/random.h"

using namespace pastonly;

namespace {

std::vector<double> random_rows(std::size_t size, std::uint64_t seed) {
  stats::CounterRng random(seed);
  std::vector<double> out(size);
  for (double& value : out) value = random.normal();
  return out;
}

}  // namespace

TEST_CASE("cosines, lengths and separations agree with their definitions", "[geometry]") {
  constexpr std::size_t rows = 9, width = 13;
  const auto values = random_rows(rows * width, 1);
  const kernels::Block<const double> matrix(values.data(), rows, width);
  const auto found = stats::row_geometry(matrix);
  const auto separations = stats::relative_half_distances<double>(matrix);
  for (std::size_t i = 0; i < rows; ++i) {
    long double own = 0.0L, nearest = 1e30L;
    for (std::size_t c = 0; c < width; ++c) own += powl(matrix(i, c), 2);
    CHECK(found.norms[i] == Approx(static_cast<double>(sqrtl(own))));
    for (std::size_t j = 0; j < rows; ++j) {
      long double product = 0.0L, other = 0.0L, square = 0.0L;
      for (std::size_t c = 0; c < width; ++c) {
        product += static_cast<long double>(matrix(i, c)) * matrix(j, c);
        other += powl(matrix(j, c), 2);
        square += powl(static_cast<long double>(matrix(i, c)) - matrix(j, c), 2);
      }
      CHECK(found.cosine(i, j) == Approx(static_cast<double>(product / sqrtl(own * other))));
      if (i != j) nearest = std::min(nearest, sqrtl(square));
    }
    CHECK(separations[i] == Approx(static_cast<double>(nearest / (2.0L * sqrtl(own)))));
  }
}

TEST_CASE("rows of zeros have no direction", "[geometry]") {
  const std::vector<double> values{0, 0, 3, 4};
  const kernels::Block<const double> matrix(values.data(), 2, 2);
  const auto found = stats::row_geometry(matrix);
  CHECK(found.norms == std::vector<double>{0, 5});
  CHECK(found.cosines == std::vector<double>{0, 0, 0, 1});
  CHECK(stats::relative_half_distances<double>(matrix) == std::vector<double>{0, 0.5});
}

TEST_CASE("a chord says small angles to full precision", "[geometry]") {
  const double a[] = {1.0, 0.0}, b[] = {5.0, 5e-9};
  CHECK(stats::chord(a, b, 2) == Approx(1e-9).epsilon(1e-6));
  CHECK(stats::chord(a, a, 2) == 0.0);
}

TEST_CASE("copies that were scaled and rounded lie within twice the rounding", "[geometry]") {
  // Elements off by at most u in opposite directions are the worst that rounding can do.
  constexpr double u = 0x1p-8;
  constexpr std::size_t width = 64;
  double worst = 0.0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    auto row = random_rows(width, seed), copy = row;
    for (std::size_t c = 0; c < width; ++c) {
      const double sign = (c + seed) % 2 == 0 ? u : -u;
      row[c] *= 1.0 + sign;
      copy[c] *= 3.0 * (1.0 - sign);
    }
    worst = std::max(worst, stats::chord(row.data(), copy.data(), width));
  }
  CHECK(worst <= 2.0 * u);
  CHECK(worst > 1.8 * u);
}

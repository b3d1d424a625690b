#include "stats/neighbour_map.h"

#include <cmath>
#include <vector>

#include "catch.h"
#include "stats/random.h"
#include "stats/symmetric_eigen.h"

using namespace pastonly;

namespace {

constexpr std::size_t clouds = 4, cloud_size = 15, cloud_points = clouds * cloud_size, dimensions = 10;

/// Groups far from one another.
std::vector<double> grouped_points() {
  stats::CounterRng random(8);
  std::vector<double> points(cloud_points * dimensions);
  for (std::size_t i = 0; i < cloud_points; ++i) {
    for (std::size_t c = 0; c < dimensions; ++c)
      points[i * dimensions + c] = random.normal() + (c == i / cloud_size ? 12.0 : 0.0);
  }
  return points;
}

double distance(const std::vector<double>& points, std::size_t columns, std::size_t i, std::size_t j) {
  double square = 0.0;
  for (std::size_t c = 0; c < columns; ++c)
    square += std::pow(points[i * columns + c] - points[j * columns + c], 2);
  return std::sqrt(square);
}

/// Written from the definition, in another way: the precision of each point by bisection of the perplexity.
double divergence(const std::vector<double>& points, const std::vector<double>& map, double perplexity) {
  std::vector<double> p(cloud_points * cloud_points, 0.0), q(cloud_points * cloud_points, 0.0);
  double all = 0.0;
  for (std::size_t i = 0; i < cloud_points; ++i) {
    double low = 1e-6, high = 1e3;
    std::vector<double> row(cloud_points);
    for (int step = 0; step < 200; ++step) {
      const double precision = std::sqrt(low * high);
      double sum = 0.0, entropy = 0.0;
      for (std::size_t j = 0; j < cloud_points; ++j) {
        row[j] = i == j ? 0.0 : std::exp(-precision * std::pow(distance(points, dimensions, i, j), 2));
        sum += row[j];
      }
      for (double& value : row) {
        value /= sum;
        if (value > 0.0) entropy -= value * std::log(value);
      }
      (entropy > std::log(perplexity) ? low : high) = precision;
    }
    for (std::size_t j = 0; j < cloud_points; ++j) {
      p[i * cloud_points + j] += row[j] / (2.0 * cloud_points);
      p[j * cloud_points + i] += row[j] / (2.0 * cloud_points);
      if (i != j) q[i * cloud_points + j] = 1.0 / (1.0 + std::pow(distance(map, 2, i, j), 2));
      all += q[i * cloud_points + j];
    }
  }
  double out = 0.0;
  for (std::size_t k = 0; k < cloud_points * cloud_points; ++k) {
    if (p[k] > 1e-12) out += p[k] * std::log(p[k] * all / q[k]);
  }
  return out;
}

}  // namespace

TEST_CASE("a map of neighbours keeps groups apart", "[neighbour-map]") {
  const auto points = grouped_points();
  const auto plane = stats::principal_plane({points.data(), cloud_points, dimensions});
  const auto map =
      stats::neighbour_map({points.data(), cloud_points, dimensions}, plane.points, {.perplexity = 8.0});
  CHECK(map.perplexity == 8.0);
  for (std::size_t i = 0; i < cloud_points; ++i) {
    double within = 0.0, between = 1e300;
    for (std::size_t j = 0; j < cloud_points; ++j) {
      const double here = distance(map.points, 2, i, j);
      if (i / cloud_size == j / cloud_size)
        within = std::max(within, here);
      else
        between = std::min(between, here);
    }
    CHECK(between > within);
  }
}

TEST_CASE("what a map minimises is the divergence of its definition, and it falls", "[neighbour-map]") {
  const auto points = grouped_points();
  const auto plane = stats::principal_plane({points.data(), cloud_points, dimensions});
  const kernels::Block<const double> block(points.data(), cloud_points, dimensions);
  double before = 1e300;
  for (const std::size_t iterations : {300U, 500U, 1000U}) {
    const auto map = stats::neighbour_map(block, plane.points, {.perplexity = 8.0, .iterations = iterations});
    CHECK(map.divergence == Approx(divergence(points, map.points, 8.0)).epsilon(1e-4));
    CHECK(map.divergence < map.start);
    CHECK(map.divergence <= before * 1.001);
    before = map.divergence;
  }
  // No small step in any direction makes it smaller by much: the gradient has vanished.
  auto map = stats::neighbour_map(block, plane.points, {.perplexity = 8.0});
  for (std::size_t k = 0; k < map.points.size(); k += 7) {
    const double kept = map.points[k];
    map.points[k] = kept + 1e-3;
    const double above = divergence(points, map.points, 8.0);
    map.points[k] = kept - 1e-3;
    const double below = divergence(points, map.points, 8.0);
    map.points[k] = kept;
    CHECK(std::abs(above - below) / 2e-3 < 1e-3);
  }
}

TEST_CASE("points that coincide are mapped all the same", "[neighbour-map]") {
  const std::vector<double> points(5 * 3, 1.0), start(5 * 2, 0.0);
  const auto map = stats::neighbour_map({points.data(), 5, 3}, start);
  CHECK(map.perplexity == Approx(4.0 / 3.0));
  for (const double value : map.points) CHECK(std::isfinite(value));
}

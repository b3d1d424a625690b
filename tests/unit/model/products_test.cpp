#include "model/products.h"

#include <algorithm>
#include <cmath>
#include <type_traits>
#include <vector>

#include "catch.h"
#include "stats/random.h"

namespace pastonly::model {
namespace {

/// Random values, one column wider than they are used, so that strides matter.
template <class Real>
struct Wide {
  std::size_t rows, columns;
  std::vector<Real> values;

  Wide(std::size_t row_count, std::size_t column_count, std::uint64_t seed)
      : rows(row_count), columns(column_count), values(row_count * (column_count + 1)) {
    stats::CounterRng random(seed);
    for (Real& value : values) value = static_cast<Real>(random.normal());
  }
  Real operator()(std::size_t i, std::size_t j) const { return values[i * (columns + 1) + j]; }
  Block<Real> block() { return {values.data(), rows, columns, columns + 1}; }
};

/// The largest difference between c and `start` + sum over inner of a(i, l) b(l, j), summed in double.
template <class Real, class Left, class Right>
double error(const Wide<Real>& c, const std::type_identity_t<Wide<Real>>* start, std::size_t inner, Left a,
             Right b) {
  double largest = 0.0;
  for (std::size_t i = 0; i < c.rows; ++i) {
    for (std::size_t j = 0; j < c.columns; ++j) {
      double sum = start != nullptr ? static_cast<double>((*start)(i, j)) : 0.0;
      for (std::size_t l = 0; l < inner; ++l)
        sum += static_cast<double>(a(i, l)) * static_cast<double>(b(l, j));
      largest = std::max(largest, std::abs(sum - static_cast<double>(c(i, j))));
    }
  }
  return largest;
}

template <class Real>
void check(std::size_t m, std::size_t k, std::size_t n, double tolerance) {
  INFO(m << " x " << k << " x " << n);
  Wide<Real> a(m, k, 1), at(k, m, 2), b(k, n, 3), bt(n, k, 4), c(m, n, 5);
  const auto beyond = c;
  const auto rows = [&](std::size_t i, std::size_t l) { return a(i, l); };
  product_nt<Real>(a.block(), bt.block(), c.block());
  CHECK(error(c, nullptr, k, rows, [&](std::size_t l, std::size_t j) { return bt(j, l); }) <= tolerance);
  product_nn<Real>(a.block(), b.block(), c.block());
  CHECK(error(c, nullptr, k, rows, b) <= tolerance);
  const auto start = c;
  product_tn<Real>(at.block(), b.block(), c.block(), Write::add);
  CHECK(error(
            c, &start, k, [&](std::size_t i, std::size_t l) { return at(l, i); }, b) <= tolerance);
  for (std::size_t i = 0; i < m; ++i) CHECK(c(i, n) == beyond(i, n));  // nothing beyond the block
}

}  // namespace

TEST_CASE("products agree with their definition", "[model][products]") {
  for (const std::size_t m : {1, 5, 12, 13, 41, 400}) {
    for (const std::size_t k : {1, 16, 37, 300}) {
      for (const std::size_t n : {1, 8, 31, 32, 70}) {
        check<float>(m, k, n, 1e-4);
        check<double>(m, k, n, 1e-12);
      }
    }
  }
}

TEST_CASE("products: an empty inner dimension gives zero", "[model][products]") {
  std::vector<float> c{1, 2, 3, 4};
  product_tn<float>({nullptr, 0, 2}, {nullptr, 0, 2}, {c.data(), 2, 2});
  CHECK(c == std::vector<float>{0, 0, 0, 0});
}

TEST_CASE("products: a row does not depend on how many rows there are", "[model][products]") {
  Wide<float> a(50, 301, 1), b(70, 301, 2), whole(50, 70, 3), single(1, 70, 4);
  product_nt<float>(a.block(), b.block(), whole.block());
  for (std::size_t i = 0; i < 50; ++i) {
    product_nt<float>(a.block().row_range(i, 1), b.block(), single.block());
    for (std::size_t j = 0; j < 70; ++j) CHECK(single(0, j) == whole(i, j));
  }
}

}  // namespace pastonly::model

#include "kernels/products.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <type_traits>
#include <vector>

#include "catch.h"
#include "stats/random.h"
#include "unit/kernels/each_target.h"

namespace pastonly::kernels {
namespace {

/// Random values, one column wider than they are used, so that strides matter.
template <class Real>
struct Wider {
  std::size_t rows, columns;
  std::vector<Real> values;

  Wider(std::size_t row_count, std::size_t column_count, std::uint64_t seed)
      : rows(row_count), columns(column_count), values(row_count * (column_count + 1)) {
    stats::CounterRng random(seed);
    for (Real& value : values) value = static_cast<Real>(random.normal());
  }
  Real operator()(std::size_t i, std::size_t j) const { return values[i * (columns + 1) + j]; }
  Block<Real> block() { return {values.data(), rows, columns, columns + 1}; }
};

/// The largest difference between c and `start` + sum over inner of a(i, l) b(l, j), summed in double.
template <class Real, class Left, class Right>
double error(const Wider<Real>& c, const std::type_identity_t<Wider<Real>>* start, std::size_t inner, Left a,
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
  Wider<Real> a(m, k, 1), at(k, m, 2), b(k, n, 3), bt(n, k, 4), c(m, n, 5);
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

TEST_CASE("products agree with their definition", "[kernels]") {
  for_each_target([] {
    for (const std::size_t m : {1, 5, 12, 13, 41}) {
      for (const std::size_t k : {1, 16, 37, 300}) {
        for (const std::size_t n : {1, 8, 31, 32, 70}) {
          check<float>(m, k, n, 1e-4);
          check<double>(m, k, n, 1e-12);
        }
      }
    }
    check<float>(400, 37, 70, 1e-4);  // more rows than one group
  });
}

TEST_CASE("products: an empty inner dimension gives zero", "[kernels]") {
  for_each_target([] {
    std::vector<float> c{1, 2, 3, 4};
    product_tn<float>({nullptr, 0, 2}, {nullptr, 0, 2}, {c.data(), 2, 2});
    CHECK(c == std::vector<float>{0, 0, 0, 0});
  });
}

TEST_CASE("products: a row does not depend on how many rows there are", "[kernels]") {
  for_each_target([] {
    for (const std::size_t n : {1, 8, 33, 70}) {
      Wider<float> a(50, 301, 1), b(n, 301, 2), whole(50, n, 3), single(1, n, 4);
      product_nt<float>(a.block(), b.block(), whole.block());
      std::size_t different = 0;
      for (std::size_t i = 0; i < 50; ++i) {
        product_nt<float>(a.block().row_range(i, 1), b.block(), single.block());
        for (std::size_t j = 0; j < n; ++j) different += single(0, j) != whole(i, j) ? 1 : 0;
      }
      CHECK(different == 0);
    }
  });
}

namespace {

/// What the header promises, by the book.
template <class Real>
Real chain(const Wider<Real>& a, const Wider<Real>& b, std::size_t i, std::size_t j) {
  Real total{0};
  for (std::size_t k0 = 0; k0 < a.columns; k0 += 256) {
    Real sum{0};
    for (std::size_t k = k0; k < std::min(a.columns, k0 + 256); ++k) sum = std::fma(a(i, k), b(j, k), sum);
    total = k0 == 0 ? sum : total + sum;
  }
  return total;
}

template <class Real>
void check_chains() {
  Wider<Real> a(14, 530, 1), b(37, 530, 2), c(14, 37, 3);
  product_nt<Real>(a.block(), b.block(), c.block());
  std::size_t different = 0;
  for (std::size_t i = 0; i < a.rows; ++i) {
    for (std::size_t j = 0; j < b.rows; ++j) different += c(i, j) != chain(a, b, i, j) ? 1 : 0;
  }
  CHECK(different == 0);
}

}  // namespace

TEST_CASE("products are chains of fused multiply-adds, to the last bit", "[kernels]") {
  for_each_target([] {
    check_chains<float>();
    check_chains<double>();
  });
}

TEST_CASE("products over weights of bfloat16 are those over the same floats", "[kernels]") {
  for_each_target([] {
    for (const auto& [m, k, n] :
         std::vector<std::array<std::size_t, 3>>{{1, 1, 1}, {13, 37, 41}, {30, 530, 64}}) {
      INFO(m << " x " << k << " x " << n);
      Wider<float> a(m, k, 1), b(n, k, 2), c(m, n, 3), other(m, n, 4);
      std::vector<std::byte> stored(n * (k + 1) * 2 + 1);  // at an odd address
      for (std::size_t i = 0; i < b.values.size(); ++i) {
        const auto bits = std::bit_cast<std::uint32_t>(b.values[i]) & 0xFFFF'0000U;
        b.values[i] = std::bit_cast<float>(bits);
        const auto half = static_cast<std::uint16_t>(bits >> 16);
        std::memcpy(stored.data() + 1 + 2 * i, &half, sizeof half);
      }
      product_nt<float>(a.block(), b.block(), c.block());
      product_nt(a.block(), Bf16Block{stored.data() + 1, n, k, k + 1}, other.block());
      std::size_t different = 0;
      for (std::size_t i = 0; i < m; ++i) {
        for (std::size_t j = 0; j < n; ++j) different += c(i, j) != other(i, j) ? 1 : 0;
      }
      CHECK(different == 0);
    }
  });
}

}  // namespace pastonly::kernels

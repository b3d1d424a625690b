#include "kernels/rows.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "catch.h"
#include "kernels/elementary.h"
#include "stats/random.h"
#include "unit/kernels/each_target.h"

namespace pastonly::kernels {
namespace {

template <class Real>
std::vector<Real> draws(std::size_t size, std::uint64_t seed, double spread = 1.0) {
  stats::CounterRng random(seed);
  std::vector<Real> out(size);
  for (Real& value : out) value = static_cast<Real>(spread * random.normal());
  return out;
}

constexpr std::size_t sizes[] = {0, 1, 7, 8, 15, 16, 17, 31, 32, 40, 64, 100, 1000};

/// Sixteen partial sums added by halves, by the book; term(i) is added to the partial sum by `add`.
template <class Real, class Add>
Real sum_of(std::size_t size, Add&& add) {
  Real parts[16] = {};
  for (std::size_t i = 0; i < size; ++i) parts[i % 16] = add(i, parts[i % 16]);
  for (std::size_t half = 8; half > 0; half /= 2) {
    for (std::size_t i = 0; i < half; ++i) parts[i] += parts[i + half];
  }
  return parts[0];
}

template <class Real>
void check_elementwise(std::size_t size) {
  INFO(size);
  const auto a = draws<Real>(size, 1), b = draws<Real>(size, 2);
  auto scaled = a, added = a, multiplied = a, clamped = a;
  scale(scaled.data(), size, Real(0.3));
  accumulate(added.data(), b.data(), size, Real(0.7));
  multiply(a.data(), b.data(), size, multiplied.data());
  clamp(clamped.data(), size, Real(-0.5), Real(0.5));
  for (std::size_t i = 0; i < size; ++i) {
    REQUIRE(scaled[i] == a[i] * Real(0.3));
    REQUIRE(added[i] == std::fma(Real(0.7), b[i], a[i]));
    REQUIRE(multiplied[i] == a[i] * b[i]);
    REQUIRE(clamped[i] == std::clamp(a[i], Real(-0.5), Real(0.5)));
  }
  REQUIRE(inner(a.data(), b.data(), size) ==
          sum_of<Real>(size, [&](std::size_t i, Real sum) { return std::fma(a[i], b[i], sum); }));
  if (size > 0) REQUIRE(largest(a.data(), size) == *std::ranges::max_element(a));
}

template <class Real>
void check_exponentials(std::size_t size) {
  INFO(size);
  const auto x = draws<Real>(size, 3, 5.0);
  const Real shift = size > 0 ? largest(x.data(), size) : Real{0};
  const double ulp = std::numeric_limits<Real>::epsilon();
  std::vector<Real> out(size), other(size), shifts(size, shift);
  const Real sum = exponentials(x.data(), size, shift, out.data());
  for (std::size_t i = 0; i < size; ++i) {
    const double exact = exp(static_cast<double>(x[i] - shift));
    REQUIRE(std::abs(static_cast<double>(out[i]) - exact) <= 2.0 * ulp * exact);
  }
  REQUIRE(sum == sum_of<Real>(size, [&](std::size_t i, Real total) { return total + out[i]; }));
  REQUIRE(exponential_sum(x.data(), size, shift) == sum);
  exponentials(x.data(), shifts.data(), size, other.data());
  REQUIRE(other == out);
  scaled_exponentials(x.data(), size, shift, Real(0.25), other.data());
  for (std::size_t i = 0; i < size; ++i) REQUIRE(other[i] == out[i] * Real(0.25));
  REQUIRE(exact_exponential_sum(x.data(), size, static_cast<double>(shift)) ==
          sum_of<double>(size, [&](std::size_t i, double total) {
            return total + exp(static_cast<double>(x[i]) - static_cast<double>(shift));
          }));
}

template <class Real>
void check_probabilities(std::size_t size) {
  const auto x = draws<Real>(size, 4, 3.0), d = draws<Real>(size, 5);
  std::vector<Real> p(size), back(size, Real{0});
  softmax(x.data(), size, p.data());
  double total = 0.0, along = 0.0;
  for (std::size_t i = 0; i < size; ++i) {
    total += static_cast<double>(p[i]);
    along += static_cast<double>(p[i]) * static_cast<double>(d[i]);
  }
  REQUIRE(total == Approx(1.0));
  softmax_backward(p.data(), d.data(), size, back.data());
  for (std::size_t i = 0; i < size; ++i)
    REQUIRE(static_cast<double>(back[i]) ==
            Approx(static_cast<double>(p[i]) * (static_cast<double>(d[i]) - along)).margin(1e-6));
  logistic(x.data(), size, p.data());
  for (std::size_t i = 0; i < size; ++i)
    REQUIRE(static_cast<double>(p[i]) == Approx(1.0 / (1.0 + std::exp(-static_cast<double>(x[i])))));
  std::ranges::fill(back, Real{1});
  logistic_backward(p.data(), d.data(), size, back.data());
  for (std::size_t i = 0; i < size; ++i) REQUIRE(back[i] == std::fma(d[i] * p[i], Real{1} - p[i], Real{1}));
}

}  // namespace

TEST_CASE("passes over rows are what their header says, to the last bit", "[kernels]") {
  for_each_target([] {
    for (const std::size_t size : sizes) {
      check_elementwise<float>(size);
      check_elementwise<double>(size);
      check_exponentials<float>(size);
      check_exponentials<double>(size);
      if (size == 0) continue;
      check_probabilities<float>(size);
      check_probabilities<double>(size);
    }
  });
}

TEST_CASE("exponentials of rows under every target", "[kernels]") {
  std::vector<float> x = draws<float>(100'000, 6, 40.0);
  x.insert(x.end(),
           {0.0F, -0.0F, 100.0F, -100.0F, 87.0F, -87.0F, std::numeric_limits<float>::infinity(),
            -std::numeric_limits<float>::infinity(), 1e-30F, std::numeric_limits<float>::denorm_min()});
  check_same_bits([&] {
    std::vector<float> out(x.size());
    exponentials(x.data(), x.size(), 0.0F, out.data());
    return out;
  });
  std::vector<double> wide(x.begin(), x.end());
  for (double& value : wide) value *= 10.0;
  std::vector<double> out(wide.size());
  for_each_target([&] {
    exponentials(wide.data(), wide.size(), 0.0, out.data());
    std::size_t different = 0;
    for (std::size_t i = 0; i < out.size(); ++i) different += out[i] != exp(wide[i]) ? 1 : 0;
    CHECK(different == 0);
  });
}

TEST_CASE("no number stays no number, and is not the largest", "[kernels]") {
  for_each_target([] {
    for (const std::size_t at : {0, 5, 16, 17}) {
      std::vector<float> row(20, 1.0F);
      row[at] = std::numeric_limits<float>::quiet_NaN();
      row[3] = 2.0F;
      CHECK(largest(row.data(), row.size()) == 2.0F);
      clamp(row.data(), row.size(), -1.5F, 1.5F);
      CHECK(std::isnan(row[at]));
      CHECK(row[3] == 1.5F);
      exponentials(row.data(), row.size(), 0.0F, row.data());
      CHECK(std::isnan(row[at]));
    }
  });
}

TEST_CASE("rows are added in their order", "[kernels]") {
  const auto rows = draws<float>(5 * 37, 7), base = draws<float>(37, 8);
  const std::vector<std::uint32_t> which{4, 0, 3};
  for_each_target([&] {
    std::vector<float> out(37);
    add_rows<float>(base.data(), rows.data(), which, 37, out.data());
    for (std::size_t i = 0; i < 37; ++i) {
      float sum = base[i];
      for (const auto row : which) sum += rows[row * 37 + i];
      REQUIRE(out[i] == sum);
    }
  });
}

}  // namespace pastonly::kernels

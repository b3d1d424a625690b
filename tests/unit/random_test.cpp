#include "stats/random.h"

#include <array>
#include <cmath>

#include "catch.h"

using pastonly::stats::CounterRng;

TEST_CASE("equal seed and stream give equal draws, others differ", "[stats]") {
  CounterRng a(7, 3), b(7, 3), c(7, 4), d(8, 3);
  const auto first = a.bits64();
  CHECK(first == b.bits64());
  CHECK(first != c.bits64());
  CHECK(first != d.bits64());
}

TEST_CASE("below is uniform over its range", "[stats]") {
  CounterRng rng(1);
  std::array<int, 6> counts{};
  constexpr int draws = 60'000;
  for (int i = 0; i < draws; ++i) ++counts.at(rng.below(6));
  double chi_square = 0.0;
  for (const int count : counts) chi_square += (count - 10'000.0) * (count - 10'000.0) / 10'000.0;
  CHECK(chi_square < 20.5);  // 99.9% point of chi-square with 5 degrees of freedom
}

TEST_CASE("normal has mean 0 and variance 1", "[stats]") {
  CounterRng rng(2);
  double sum = 0.0, squares = 0.0;
  constexpr int draws = 40'000;
  for (int i = 0; i < draws; ++i) {
    const double x = rng.normal();
    sum += x;
    squares += x * x;
  }
  CHECK(std::abs(sum / draws) < 5.0 / std::sqrt(draws));
  CHECK(std::abs(squares / draws - 1.0) < 5.0 * std::sqrt(2.0 / draws));
}

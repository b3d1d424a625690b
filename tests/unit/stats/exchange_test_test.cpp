#include "stats/exchange_test.h"

#include <array>

#include "catch.h"

using pastonly::stats::exchange_p_value;

TEST_CASE("the exchange test counts placements", "[stats][exchange]") {
  CHECK(exchange_p_value(3, 8, 16) == Approx(56.0 / 2024.0));
  CHECK(exchange_p_value(1, 1, 1) == Approx(0.5));
  CHECK(exchange_p_value(0, 8, 16) == 1.0);
  CHECK(exchange_p_value(8, 8, 0) == 1.0);
  CHECK(exchange_p_value(0, 0, 0) == 1.0);
}

TEST_CASE("the exchange test agrees with listing every placement", "[stats][exchange]") {
  // k of the n + m places differ, all subsets alike: the share that lies within the first n.
  constexpr unsigned n = 5, m = 6;
  std::array<unsigned, n + 1> inside{}, all{};
  for (unsigned subset = 0; subset < (1U << (n + m)); ++subset) {
    const auto k = static_cast<unsigned>(__builtin_popcount(subset));
    if (k > n) continue;
    ++all.at(k);
    inside.at(k) += subset < (1U << n) ? 1 : 0;
  }
  for (unsigned k = 1; k <= n; ++k) {
    CHECK(exchange_p_value(k, n, m) == Approx(static_cast<double>(inside.at(k)) / all.at(k)));
  }
}

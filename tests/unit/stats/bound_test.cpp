#include "stats/bound.h"

#include <cmath>
#include <limits>
#include <vector>

#include "catch.h"

using namespace pastonly::stats;

namespace {

// Exact, by Pascal's rule; fits 64 bits up to n = 62.
std::uint64_t binomial(unsigned n, unsigned k) {
  std::vector<std::uint64_t> row{1};
  for (unsigned i = 1; i <= n; ++i) {
    row.push_back(1);
    for (std::size_t j = i - 1; j > 0; --j) row[j] += row[j - 1];
  }
  return row[k];
}

}  // namespace

TEST_CASE("log2_binomial agrees with exact integers", "[stats][bound]") {
  for (unsigned n = 0; n <= 62; ++n) {
    for (unsigned k = 0; k <= n; ++k) {
      CHECK(log2_binomial(n, k) == Approx(std::log2(static_cast<double>(binomial(n, k)))).margin(1e-12));
    }
  }
  CHECK(log2_binomial(5, 6) == -std::numeric_limits<double>::infinity());
  CHECK(log2_binomial(5, -1) == -std::numeric_limits<double>::infinity());
  CHECK(std::isnan(log2_binomial(std::nan(""), 1)));
}

TEST_CASE("expert choice capacity counts its masks", "[stats][bound]") {
  // Brute force over T <= 20 tokens: every expert takes any C of them.
  for (unsigned chunk = 1; chunk <= 20; ++chunk) {
    for (unsigned experts : {1U, 2U, 4U, 8U}) {
      for (unsigned top_k = 1; top_k <= experts; ++top_k) {
        const unsigned c = std::max(1U, top_k * chunk / experts);
        const double exact = experts * std::log2(static_cast<double>(binomial(chunk, c))) / chunk;
        CHECK(tokens_per_expert(experts, top_k, chunk) == c);
        CHECK(expert_choice_capacity(experts, top_k, chunk) == Approx(exact).margin(1e-12));
        // Where KT/N is no integer another mean K is routed, whose limit may be larger.
        if (top_k * chunk % experts != 0) continue;
        CHECK(expert_choice_capacity(experts, top_k, chunk) <= expert_choice_limit(experts, top_k) + 1e-9);
      }
    }
  }
}

TEST_CASE("the published figures of expert choice", "[stats][bound]") {
  CHECK(expert_choice_floor(16, 2) == Approx(5.6147).epsilon(1e-5));
  CHECK(expert_choice_capacity(16, 2, 512) == Approx(8.5648).epsilon(1e-5));
  CHECK(expert_choice_capacity(16, 2, 8192) == Approx(8.6849).epsilon(1e-5));
  CHECK(expert_choice_limit(16, 2) == Approx(8.6970).epsilon(1e-5));
  CHECK(9 * expert_choice_floor(16, 2) == Approx(50.532).epsilon(1e-5));
  CHECK(9 * expert_choice_capacity(16, 2, 512) == Approx(77.083).epsilon(1e-5));
  CHECK(9 * expert_choice_capacity(16, 2, 8192) == Approx(78.164).epsilon(1e-5));
  CHECK(9 * expert_choice_limit(16, 2) == Approx(78.273).epsilon(1e-5));
}

TEST_CASE("the limit is the floor plus N log2(1/(1-R))", "[stats][bound]") {
  for (double experts : {4.0, 16.0, 64.0}) {
    for (double top_k : {0.5, 1.0, 2.0, 3.5}) {
      const double rest = experts * std::log2(1.0 / (1.0 - top_k / experts));
      CHECK(expert_choice_limit(experts, top_k) == Approx(expert_choice_floor(experts, top_k) + rest));
    }
  }
}

TEST_CASE("bounds at the edges", "[stats][bound]") {
  // The toy case: two tokens, two experts, one slot each: 4 masks over 2 tokens.
  CHECK(expert_choice_capacity(2, 1, 2) == Approx(1.0));
  CHECK(expert_choice_floor(2, 1) == 0.0);
  CHECK(expert_choice_floor(4, 3) < 0.0);
  CHECK(expert_choice_floor(4, 4) == -std::numeric_limits<double>::infinity());
  CHECK(expert_choice_limit(4, 4) == 0.0);
  CHECK(expert_choice_capacity(4, 4, 8) == 0.0);
  CHECK(expert_choice_capacity(4, 2, 0) == 0.0);
  CHECK(expert_choice_capacity(4, 2, 1) == 0.0);
  // A mean K that rounding left just below 2 still takes 2T/N.
  CHECK(tokens_per_expert(16, std::nextafter(2.0, 0.0), 512) == 64);
}

TEST_CASE("observed capacity takes the real counts", "[stats][bound]") {
  const std::vector<std::uint64_t> counts{3, 0, 10, 5};
  CHECK(observed_capacity(counts, 10) == Approx((std::log2(120.0) + std::log2(252.0)) / 10.0));
  CHECK(observed_capacity({}, 10) == 0.0);
  CHECK(observed_capacity(counts, 0) == 0.0);
  const std::vector<std::uint64_t> equal(16, 64);
  CHECK(observed_capacity(equal, 512) == Approx(expert_choice_capacity(16, 2, 512)));
}

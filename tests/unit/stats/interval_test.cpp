#include "stats/interval.h"

#include <cmath>

#include "catch.h"

using namespace pastonly::stats;

namespace {

// P(X >= k) for X binomial(n, p), summed directly.
double upper_tail(unsigned n, unsigned k, double p) {
  double sum = 0.0;
  for (unsigned i = k; i <= n; ++i) {
    double term = std::pow(p, i) * std::pow(1.0 - p, n - i);
    for (unsigned j = 0; j < i; ++j) term *= static_cast<double>(n - j) / (j + 1.0);
    sum += term;
  }
  return sum;
}

}  // namespace

TEST_CASE("Clopper-Pearson limits invert the binomial tails", "[stats][interval]") {
  for (unsigned n : {1U, 2U, 8U, 30U}) {
    for (unsigned k = 0; k <= n; ++k) {
      const double lower = clopper_pearson_lower(k, n, 0.05);
      const double upper = clopper_pearson_upper(k, n, 0.05);
      if (k > 0) {
        CHECK(upper_tail(n, k, lower) == Approx(0.05));
      } else {
        CHECK(lower == 0.0);
      }
      if (k < n) {
        CHECK(1.0 - upper_tail(n, k + 1, upper) == Approx(0.05));
      } else {
        CHECK(upper == 1.0);
      }
      CHECK(clopper_pearson(k, n, 0.1).lower == Approx(lower));
      CHECK(clopper_pearson(k, n, 0.1).upper == Approx(upper));
    }
  }
}

TEST_CASE("Clopper-Pearson in closed form and without trials", "[stats][interval]") {
  CHECK(clopper_pearson_upper(0, 12, 0.05) == Approx(1.0 - std::pow(0.05, 1.0 / 12.0)));
  CHECK(clopper_pearson_lower(8, 8, 0.05) == Approx(std::pow(0.05, 1.0 / 8.0)));
  CHECK(clopper_pearson(0, 0, 0.05).lower == 0.0);
  CHECK(clopper_pearson(0, 0, 0.05).upper == 1.0);
}

TEST_CASE("the trials for a limit are the fewest that reach it", "[stats][interval]") {
  CHECK(trials_for(0.01, 0.05) == 299);
  CHECK(trials_for(0.001, 0.05) == 2995);
  for (const double rate : {0.5, 0.2, 0.03, 1e-4}) {
    for (const double alpha : {0.1, 0.05, 1e-3}) {
      const auto n = trials_for(rate, alpha);
      CHECK(clopper_pearson_upper(0, n, alpha) <= rate);
      CHECK((n == 1 || clopper_pearson_upper(0, n - 1, alpha) > rate));
    }
  }
}

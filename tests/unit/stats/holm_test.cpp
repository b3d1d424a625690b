#include "stats/holm.h"

#include <cmath>
#include <limits>

#include "catch.h"

using pastonly::stats::holm_adjusted;

TEST_CASE("Holm multiplies by the hypotheses left and stays monotone", "[stats][holm]") {
  const std::vector<double> p{0.04, 0.01, 0.03, 0.005};
  const std::vector<double> adjusted = holm_adjusted(p);
  // Sorted 0.005 x4, 0.01 x3, 0.03 x2, 0.04 x1 raised to 0.06.
  CHECK(adjusted[3] == Approx(0.02));
  CHECK(adjusted[1] == Approx(0.03));
  CHECK(adjusted[2] == Approx(0.06));
  CHECK(adjusted[0] == Approx(0.06));
}

TEST_CASE("Holm on empty, one, tied and broken input", "[stats][holm]") {
  CHECK(holm_adjusted({}).empty());
  const std::vector<double> one{0.2};
  CHECK(holm_adjusted(one) == one);
  const std::vector<double> tied{0.01, 0.01, 0.01};
  for (const double p : holm_adjusted(tied)) CHECK(p == Approx(0.03));
  const std::vector<double> broken{std::nan(""), 0.01, std::numeric_limits<double>::infinity(), -1.0};
  const std::vector<double> adjusted = holm_adjusted(broken);
  CHECK(adjusted[0] == 1.0);
  CHECK(adjusted[1] == Approx(0.03));
  CHECK(adjusted[2] == 1.0);
  CHECK(adjusted[3] == 0.0);
}

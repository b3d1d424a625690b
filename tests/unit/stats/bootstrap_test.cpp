#include "stats/bootstrap.h"

#include <cmath>
#include <limits>
#include <vector>

#include "catch.h"
#include "stats/random.h"

using namespace pastonly::stats;

namespace {

std::optional<Interval> bootstrap_mean(const std::vector<double>& values,
                                       const BootstrapOptions& options = {}) {
  return bootstrap_ratio(values, std::vector<double>(values.size(), 1.0), options);
}

}  // namespace

TEST_CASE("bootstrap needs two usable units", "[stats][bootstrap]") {
  const double nan = std::nan("");
  const double infinity = std::numeric_limits<double>::infinity();
  CHECK_FALSE(bootstrap_mean({}).has_value());
  CHECK_FALSE(bootstrap_mean(std::vector{1.0}).has_value());
  CHECK_FALSE(bootstrap_mean(std::vector{1.0, nan, infinity}).has_value());
  CHECK_FALSE(bootstrap_ratio(std::vector{1.0, 2.0}, std::vector{1.0, 0.0}).has_value());
}

TEST_CASE("constant units have an interval of one point", "[stats][bootstrap]") {
  const auto interval = bootstrap_mean(std::vector(9, 0.25));
  REQUIRE(interval.has_value());
  CHECK(interval->lower == 0.25);
  CHECK(interval->upper == 0.25);
}

TEST_CASE("bootstrap is a function of its seed and covers its estimate", "[stats][bootstrap]") {
  const std::vector<double> values{0.1, 0.4, -0.2, 0.3, 0.7, 0.2, 0.2, 0.5};
  const auto first = bootstrap_mean(values, {.seed = 4});
  const auto again = bootstrap_mean(values, {.seed = 4});
  const auto other = bootstrap_mean(values, {.seed = 5});
  CHECK(first->lower == again->lower);
  CHECK(first->upper == again->upper);
  CHECK((first->lower != other->lower || first->upper != other->upper));
  CHECK(first->lower < 0.275);
  CHECK(first->upper > 0.275);
}

TEST_CASE("the ratio weighs units by their tokens", "[stats][bootstrap]") {
  // Every unit has the same mean, 2 per token: no spread whatever the weights.
  const auto interval = bootstrap_ratio(std::vector{2.0, 20.0, 6.0}, std::vector{1.0, 10.0, 3.0});
  CHECK(interval->lower == Approx(2.0));
  CHECK(interval->upper == Approx(2.0));
}

TEST_CASE("95% intervals cover the mean about as often as they say", "[stats][bootstrap]") {
  struct Row {
    std::size_t units;
    double least;
  };
  for (const auto& [units, least] : {Row{8, 0.84}, Row{40, 0.91}}) {
    int covered = 0;
    constexpr int runs = 400;
    for (int run = 0; run < runs; ++run) {
      CounterRng rng(11, static_cast<std::uint64_t>(run));
      std::vector<double> values(units);
      for (double& value : values) value = rng.normal();
      const auto interval = bootstrap_mean(values, {.resamples = 400, .seed = 12});
      covered += interval->lower <= 0.0 && interval->upper >= 0.0;
    }
    INFO("units " << units << ", covered " << covered << " of " << runs);
    CHECK(covered >= least * runs);
    CHECK(covered <= 0.99 * runs);
  }
}

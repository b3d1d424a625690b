#include "stats/loss_curve.h"

#include <cmath>
#include <limits>
#include <vector>

#include "catch.h"

using namespace pastonly::stats;

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

}  // namespace

TEST_CASE("final loss is the mean of the last share of the steps", "[loss-curve]") {
  std::vector<double> steps, losses;
  for (int i = 1; i <= 100; ++i) {
    steps.push_back(i);
    losses.push_back(i <= 90 ? 10.0 : static_cast<double>(i));
  }
  CHECK(*final_loss({steps, losses}) == Approx(95.5));
  CHECK(*final_loss({steps, losses}, 1.0) == Approx((90.0 * 10.0 + 955.0) / 100.0));
  CHECK(*final_loss({steps, losses}, 0.0) == 100.0);
  losses.back() = not_a_number;
  CHECK(*final_loss({steps, losses}, 0.0) == 99.0);
  CHECK_FALSE(final_loss({}));
  const std::vector<double> step{0.0}, loss{3.0};
  CHECK(*final_loss({step, loss}) == 3.0);
}

TEST_CASE("decline is the slope on log2 of the steps", "[loss-curve]") {
  std::vector<double> steps, losses;
  for (int i = 1; i <= 1000; i += 7) {
    steps.push_back(i);
    losses.push_back(6.0 - 0.25 * std::log2(static_cast<double>(i)));
  }
  CHECK(*decline_per_doubling({steps, losses}) == Approx(0.25));
  for (double& loss : losses) loss = 4.0;
  CHECK(*decline_per_doubling({steps, losses}) == Approx(0.0).margin(1e-12));
  // Only the points from a tenth of the last step on: an early fall does not count.
  for (std::size_t i = 0; i < steps.size(); ++i) losses[i] = steps[i] < 90.0 ? 9.0 : 4.0;
  CHECK(*decline_per_doubling({steps, losses}) == Approx(0.0).margin(1e-12));
  CHECK(*decline_per_doubling({steps, losses}, 0.0) > 0.5);
  const std::vector<double> same{5.0, 5.0}, two{1.0, 2.0};
  CHECK_FALSE(decline_per_doubling({same, two}));
  CHECK_FALSE(decline_per_doubling({}));
}

TEST_CASE("steps to reach a loss", "[loss-curve]") {
  const std::vector<double> steps{10, 20, 30, 40, 50}, losses{5.0, 3.0, 4.0, 2.0, 1.0};
  CHECK(*steps_to_reach({steps, losses}, 3.0) == 20.0);
  CHECK(*steps_to_reach({steps, losses}, 3.0, 2) == 40.0);
  CHECK(*steps_to_reach({steps, losses}, 3.0, 5) == 50.0);
  CHECK_FALSE(steps_to_reach({steps, losses}, 0.5));
  CHECK_FALSE(steps_to_reach({steps, losses}, 9.0, 6));
  CHECK_FALSE(steps_to_reach({steps, losses}, 9.0, 0));
}

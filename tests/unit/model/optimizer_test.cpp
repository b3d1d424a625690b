#include "model/optimizer.h"

#include <cmath>
#include <limits>

#include "catch.h"
#include "unit/model/sample.h"

namespace pastonly::model {

TEST_CASE("learning rate: warm-up, cosine, floor", "[model][optimizer]") {
  TrainingConfig config;
  config.learning_rate = 2.0;
  config.final_share = 0.1;
  config.warmup = 4;
  config.steps = 104;
  CHECK(learning_rate(config, 0) == Approx(0.5));
  CHECK(learning_rate(config, 3) == Approx(2.0));
  CHECK(learning_rate(config, 4) == Approx(2.0));
  CHECK(learning_rate(config, 54) == Approx(2.0 * 0.55));
  CHECK(learning_rate(config, 104) == Approx(0.2));
  CHECK(learning_rate(config, 1000) == Approx(0.2));
}

TEST_CASE("AdamW: three steps by the book", "[model][optimizer]") {
  const ParameterTable table(small_config());
  Arena<double> parameters(table), gradients(table);
  initialise(table, 3, parameters);
  TrainingConfig config;
  config.warmup = 0;
  config.clip = 2.0;
  AdamW<double> optimizer(table);
  const std::size_t matrix = *table.layers[0].qkv, gain = *table.layers[0].norm1;
  double p = parameters.data(matrix)[5], m = 0.0, v = 0.0;
  double g_p = parameters.data(gain)[1], g_m = 0.0, g_v = 0.0;
  for (std::size_t step = 0; step < 3; ++step) {
    gradients.clear();
    const double g = 3.0 + static_cast<double>(step), h = 4.0;
    gradients.data(matrix)[5] = g;
    gradients.data(gain)[1] = h;
    const double length = std::sqrt(g * g + h * h);
    CHECK(optimizer.step(config, step, gradients, parameters) == Approx(length));
    const double scale = 2.0 / length, rate = learning_rate(config, step), t = static_cast<double>(step + 1);
    const auto move = [&](double gradient, double& value, double& first, double& second, double decay) {
      first = config.beta1 * first + (1 - config.beta1) * gradient * scale;
      second = config.beta2 * second + (1 - config.beta2) * gradient * gradient * scale * scale;
      const double first_hat = first / (1 - std::pow(config.beta1, t));
      const double second_hat = second / (1 - std::pow(config.beta2, t));
      value = value - rate * decay * value - rate * first_hat / (std::sqrt(second_hat) + config.epsilon);
    };
    move(g, p, m, v, config.weight_decay);
    move(h, g_p, g_m, g_v, 0.0);  // gains do not decay
    CHECK(parameters.data(matrix)[5] == Approx(p).epsilon(1e-12));
    CHECK(parameters.data(gain)[1] == Approx(g_p).epsilon(1e-12));
  }
}

TEST_CASE("AdamW: a gradient that is not finite moves nothing", "[model][optimizer]") {
  const ParameterTable table(small_config());
  Arena<float> parameters(table), before(table), gradients(table);
  initialise(table, 3, parameters);
  initialise(table, 3, before);
  gradients.clear();
  gradients.data(0)[0] = std::numeric_limits<float>::quiet_NaN();
  AdamW<float> optimizer(table);
  CHECK_FALSE(std::isfinite(optimizer.step({}, 0, gradients, parameters)));
  CHECK(std::equal(parameters.values().begin(), parameters.values().end(), before.values().begin()));
}

}  // namespace pastonly::model

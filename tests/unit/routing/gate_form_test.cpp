#include "routing/recorded/gate_form.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "catch.h"
#include "stats/random.h"

using namespace pastonly;
using namespace pastonly::routing;
using stats::CounterRng;

namespace {

constexpr std::size_t token_count = 400, gate_experts = 8, experts_per_token = 2;

/// Sigmoid-like scores, the two best of score + bias kept, no gates yet.
struct Layer {
  std::vector<float> scores = std::vector<float>(token_count * gate_experts);
  std::vector<float> gates = std::vector<float>(token_count * gate_experts);
  std::vector<std::uint8_t> kept = std::vector<std::uint8_t>(token_count * gate_experts);
  std::vector<double> bias = std::vector<double>(gate_experts);

  explicit Layer(std::uint64_t seed, double spread) {
    CounterRng rng(seed);
    for (float& score : scores) score = static_cast<float>(rng.uniform());
    for (double& b : bias) b = spread * (rng.uniform() - 0.5);
    for (std::size_t t = 0; t < token_count; ++t) {
      std::vector<std::size_t> order(gate_experts);
      std::iota(order.begin(), order.end(), std::size_t{0});
      std::ranges::sort(order, std::greater<>(), [&](std::size_t e) { return score(t, e) + bias[e]; });
      for (std::size_t i = 0; i < experts_per_token; ++i) kept[t * gate_experts + order[i]] = 1;
    }
  }
  double score(std::size_t t, std::size_t e) const { return double{scores[t * gate_experts + e]}; }
  /// gate = y(token, expert), divided by its sum over the kept where asked.
  template <class Y>
  void weigh(Y&& y, bool renormalise, double scale = 1.0) {
    for (std::size_t t = 0; t < token_count; ++t) {
      double sum = 0.0;
      for (std::size_t e = 0; e < gate_experts; ++e) sum += kept[t * gate_experts + e] ? y(t, e) : 0.0;
      for (std::size_t e = 0; e < gate_experts; ++e) {
        const double gate = scale * y(t, e) / (renormalise ? sum : 1.0);
        gates[t * gate_experts + e] = kept[t * gate_experts + e] ? static_cast<float>(gate) : 0.0F;
      }
    }
  }
  GateSample sample() const {
    return {{scores.data(), token_count, gate_experts},
            {gates.data(), token_count, gate_experts},
            {kept.data(), token_count, gate_experts},
            experts_per_token,
            2e-5};
  }
};

}  // namespace

TEST_CASE("gates made of the scores are explained by them", "[routing][gate]") {
  Layer layer(31, 0.4);
  const auto s = [&](std::size_t t, std::size_t e) { return layer.score(t, e); };
  const auto expect = [&](GateForm::Transform transform, GateForm::Divisor divisor, double scale) {
    const GateForm form = best_unbiased_form(layer.sample());
    CHECK(form.explained == 1.0);
    CHECK(form.transform == transform);
    CHECK(form.divisor == divisor);
    CHECK(form.scale == Approx(scale).epsilon(1e-5));
  };
  layer.weigh(s, false);
  expect(GateForm::Transform::identity, GateForm::Divisor::none, 1.0);
  layer.weigh(s, true, 2.5);
  expect(GateForm::Transform::identity, GateForm::Divisor::kept, 2.5);
  layer.weigh([&](auto t, auto e) { return std::exp(s(t, e)); }, true);
  expect(GateForm::Transform::exponential, GateForm::Divisor::kept, 1.0);
  layer.weigh([&](auto t, auto e) { return 1.0 / (1.0 + std::exp(-s(t, e))); }, false);
  expect(GateForm::Transform::sigmoid, GateForm::Divisor::none, 1.0);
  layer.weigh([&](auto, auto) { return 1.0; }, false);
  expect(GateForm::Transform::constant, GateForm::Divisor::none, 1.0);
}

TEST_CASE("biased gates are explained by score plus bias alone", "[routing][gate]") {
  for (const bool renormalise : {false, true}) {
    for (const double scale : {1.0, 2.5}) {
      Layer layer(32, 0.4);
      layer.weigh([&](auto t, auto e) { return layer.score(t, e) + layer.bias[e]; }, renormalise, scale);
      CHECK(best_unbiased_form(layer.sample()).explained < 0.5);
      const GateForm given = best_biased_form(layer.sample(), layer.bias);
      CHECK(given.explained == 1.0);
      CHECK(given.scale == Approx(scale).epsilon(1e-5));
      const auto fitted = fitted_biased_form(layer.sample());
      REQUIRE(fitted);
      CHECK(fitted->explained == 1.0);
      for (std::size_t e = 0; e < gate_experts; ++e)
        CHECK(fitted->bias[e] == Approx(layer.bias[e]).margin(1e-4));
    }
  }
}

TEST_CASE("gates of something else are explained by nothing", "[routing][gate]") {
  Layer layer(33, 0.4);
  CounterRng rng(34);
  std::vector<double> noise(token_count);
  for (double& x : noise) x = 0.5 + rng.uniform();
  layer.weigh([&](auto t, auto e) { return layer.score(t, e) * noise[t]; }, false);
  CHECK(best_unbiased_form(layer.sample()).explained < 0.9);
  CHECK(best_biased_form(layer.sample(), layer.bias).explained < 0.9);
  const auto fitted = fitted_biased_form(layer.sample());
  CHECK((!fitted || fitted->explained < 0.9));
}

TEST_CASE("gate forms of nothing, NaN and infinity", "[routing][gate]") {
  CHECK(best_unbiased_form({}).explained == 0.0);
  CHECK_FALSE(fitted_biased_form({}).has_value());
  Layer layer(35, 0.0);
  layer.weigh([&](auto t, auto e) { return layer.score(t, e); }, false);
  std::ranges::fill(layer.scores, std::nanf(""));
  CHECK(best_unbiased_form(layer.sample()).explained < 1.0);
  CHECK_FALSE(fitted_biased_form(layer.sample()).has_value());
  std::ranges::fill(layer.gates, INFINITY);
  CHECK(best_unbiased_form(layer.sample()).explained == 0.0);
}

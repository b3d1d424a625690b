// Responses of experts to router rows, and what the checks of weights make of them.

#include <algorithm>
#include <cmath>
#include <functional>
#include <tuple>
#include <utility>
#include <vector>

#include "audits/checks.h"
#include "audits/shared/expert_responses.h"
#include "evidence/observations.h"
#include "lab_model.h"
#include "model/objectives.h"
#include "pastonly/policy.h"
#include "routing/coupling.h"
#include "stats/row_geometry.h"
#include "stats/token_source.h"
#include "toy/observe.h"

using namespace pastonly;
using toy::find_measurement;

namespace {

/// Weights in plain arrays.
class PlainWeights final : public Weights {
 public:
  PlainWeights(std::size_t experts, std::size_t width, std::size_t expert_width, bool gpt_oss,
               std::uint64_t seed) {
    stats::CounterRng random(seed);
    const auto fill = [&](std::vector<float>& out, std::size_t size) {
      out.resize(size);
      for (float& value : out) value = static_cast<float>(random.normal());
    };
    layer_.experts = experts;
    layer_.width = width;
    layer_.expert_width = expert_width;
    fill(layer_.router, experts * width);
    fill(layer_.gain, width);
    if (gpt_oss) {
      layer_.activation = {true, 1.702, 1.5};
    } else {
      fill(layer_.shift, width);
      layer_.centred = true;
    }
    matrices_.resize(experts * 3);
    biases_.resize(experts * 3);
    for (std::size_t i = 0; i < experts * 3; ++i) {
      fill(matrices_[i], width * expert_width);
      if (gpt_oss) fill(biases_[i], i % 3 == 2 ? width : expert_width);
    }
  }

  std::size_t layers() const noexcept override { return 1; }
  RoutedLayer layer(std::size_t) const override { return layer_; }
  void read(std::size_t, std::size_t expert, ExpertMatrix which, std::size_t first, std::size_t count,
            float* out) const override {
    const std::size_t inputs = which == ExpertMatrix::down ? layer_.expert_width : layer_.width;
    const float* from = matrix(expert, which).data() + first * inputs;
    std::copy(from, from + count * inputs, out);
  }
  std::vector<float> bias(std::size_t, std::size_t expert, ExpertMatrix which) const override {
    return biases_[expert * 3 + static_cast<std::size_t>(which)];
  }
  double common_weights() const noexcept override { return 0.0; }

  const std::vector<float>& matrix(std::size_t expert, ExpertMatrix which) const {
    return matrices_[expert * 3 + static_cast<std::size_t>(which)];
  }
  std::vector<float>& matrix(std::size_t expert, ExpertMatrix which) {
    return matrices_[expert * 3 + static_cast<std::size_t>(which)];
  }
  RoutedLayer layer_;

 private:
  std::vector<std::vector<float>> matrices_, biases_;  // (experts 3): gate, up, down
};

audits::ExpertResponses responses_of(const Weights& weights, std::uint64_t seed = 5) {
  const auto router = audits::seen_router(weights, 0);
  auto found = audits::expert_responses(
      weights, 0, router, seed, [] { return false; }, [] {});
  REQUIRE(found);
  return std::move(*found);
}

using Vector = std::vector<double>;

Vector times(const PlainWeights& weights, std::size_t expert, ExpertMatrix which, const Vector& x,
             bool biased) {
  const auto& matrix = weights.matrix(expert, which);
  const auto bias = weights.bias(0, expert, which);
  Vector out(matrix.size() / x.size(), 0.0);
  for (std::size_t o = 0; o < out.size(); ++o) {
    for (std::size_t c = 0; c < x.size(); ++c) out[o] += static_cast<double>(matrix[o * x.size() + c]) * x[c];
    if (biased && !bias.empty()) out[o] += static_cast<double>(bias[o]);
  }
  return out;
}

double length(const Vector& x) {
  double square = 0.0;
  for (const double value : x) square += value * value;
  return std::sqrt(square);
}

/// From the formulas, one number after the other.
void compare_with_definition(const PlainWeights& weights) {
  const auto found = responses_of(weights);
  const RoutedLayer layer = weights.layer(0);
  const std::size_t n = layer.experts, d = layer.width;
  const auto router = audits::seen_router(weights, 0);
  const auto noise = routing::coupling_noise<double>(router.rows.block(), 5);
  for (std::size_t i = 0; i < n; ++i) {
    Vector row(d);
    double mean = 0.0;
    for (std::size_t c = 0; c < d; ++c) {
      row[c] = static_cast<double>(layer.router[i * d + c]) * static_cast<double>(layer.gain[c]);
      mean += row[c] / static_cast<double>(d);
    }
    for (std::size_t c = 0; c < d && layer.centred; ++c) row[c] -= mean;
    const double rms = length(row) / std::sqrt(static_cast<double>(d));
    Vector plain(d), noisy(d), token(d);
    for (std::size_t c = 0; c < d; ++c) {
      const auto gain = static_cast<double>(layer.gain[c]);
      plain[c] = gain * row[c];
      noisy[c] = plain[c] * noise.row(i)[c];
      token[c] = gain * row[c] / rms + (layer.shift.empty() ? 0.0 : static_cast<double>(layer.shift[c]));
    }
    for (std::size_t j = 0; j < n; ++j) {
      CHECK(found.gate.row(i)[j] ==
            Approx(length(times(weights, j, ExpertMatrix::gate, plain, false))).epsilon(1e-5));
      CHECK(found.noisy_gate.row(i)[j] ==
            Approx(length(times(weights, j, ExpertMatrix::gate, noisy, false))).epsilon(1e-5));
      CHECK(found.up.row(i)[j] ==
            Approx(length(times(weights, j, ExpertMatrix::up, plain, false))).epsilon(1e-5));
      Vector act = times(weights, j, ExpertMatrix::gate, token, true);
      const Vector ups = times(weights, j, ExpertMatrix::up, token, true);
      for (std::size_t k = 0; k < act.size(); ++k) {
        if (layer.activation.clamped) {
          const double gate = std::min(act[k], layer.activation.limit);
          const double up = std::clamp(ups[k], -layer.activation.limit, layer.activation.limit);
          act[k] = (up + 1.0) * gate / (1.0 + std::exp(-layer.activation.alpha * gate));
        } else {
          act[k] = act[k] / (1.0 + std::exp(-act[k])) * ups[k];
        }
      }
      CHECK(found.act.row(i)[j] == Approx(length(act)).epsilon(1e-4));
      CHECK(found.output.row(i)[j] ==
            Approx(length(times(weights, j, ExpertMatrix::down, act, true))).epsilon(1e-4));
    }
  }
}

double largest_difference(const kernels::Matrix<double>& a, const kernels::Matrix<double>& b) {
  double largest = 0.0;
  for (std::size_t i = 0; i < a.rows(); ++i) {
    for (std::size_t j = 0; j < a.columns(); ++j)
      largest = std::max(largest, std::abs(a.row(i)[j] / b.row(i)[j] - 1.0));
  }
  return largest;
}

Ran coupling_of(Subject& subject) {
  evidence::Observations observations(subject);
  const Outcome outcome = audits::expert_coupling_check.run({observations, Policy{}, 0});
  if (const auto* error = std::get_if<Error>(&outcome)) FAIL(error->message);
  REQUIRE(std::holds_alternative<Ran>(outcome));
  return std::get<Ran>(outcome);
}

/// Mean over the two layers.
double value_of(const Ran& ran, const std::string& name) {
  double sum = 0.0;
  for (const std::uint32_t layer : {0U, 1U}) {
    const auto found = find_measurement(ran, name, layer);
    INFO(name);
    REQUIRE(found);
    sum += found->value / 2.0;
  }
  return sum;
}

bool claims(const Ran& ran, std::string_view id) {
  return std::ranges::any_of(ran.claims, [&](const Claim& claim) { return claim.id == id; });
}

}  // namespace

TEST_CASE("responses agree with their definition, plain, shifted, clamped and biased",
          "[weights][coupling]") {
  compare_with_definition(PlainWeights(5, 12, 7, false, 1));
  compare_with_definition(PlainWeights(4, 9, 40, true, 2));
}

TEST_CASE("parts of a matrix do not show in the responses", "[weights][coupling]") {
  compare_with_definition(PlainWeights(2, 16'384, 70, false, 3));  // 64 outputs a part, and 6
}

TEST_CASE("a factor moved from the norm's gain to router and experts changes nothing",
          "[weights][coupling]") {
  const PlainWeights before(6, 16, 8, true, 4);
  PlainWeights after(6, 16, 8, true, 4);
  stats::CounterRng random(9);
  for (std::size_t c = 0; c < 16; ++c) {
    const auto factor = static_cast<float>(std::exp(random.normal()));
    after.layer_.gain[c] /= factor;
    for (std::size_t i = 0; i < 6; ++i) {
      after.layer_.router[i * 16 + c] *= factor;
      for (const auto which : {ExpertMatrix::gate, ExpertMatrix::up}) {
        for (std::size_t o = 0; o < 8; ++o) after.matrix(i, which)[o * 16 + c] *= factor;
      }
    }
  }
  const auto a = responses_of(before), b = responses_of(after);
  CHECK(largest_difference(a.gate, b.gate) < 1e-5);
  CHECK(largest_difference(a.noisy_gate, b.noisy_gate) < 1e-5);
  CHECK(largest_difference(a.up, b.up) < 1e-5);
  CHECK(largest_difference(a.act, b.act) < 1e-4);
  CHECK(largest_difference(a.output, b.output) < 1e-4);
  const auto rows = audits::seen_router(before, 0), same = audits::seen_router(after, 0);
  const auto g = stats::row_geometry(rows.rows.block()), h = stats::row_geometry(same.rows.block());
  for (std::size_t k = 0; k < g.cosines.size(); ++k) CHECK(g.cosines[k] == Approx(h.cosines[k]).margin(1e-6));
}

TEST_CASE("a factor to a router row scales its linear responses and leaves the others",
          "[weights][coupling]") {
  const PlainWeights before(6, 16, 8, true, 4);
  PlainWeights after(6, 16, 8, true, 4);
  for (std::size_t c = 0; c < 16; ++c) after.layer_.router[2 * 16 + c] *= 4.0F;
  const auto a = responses_of(before), b = responses_of(after);
  for (std::size_t j = 0; j < 6; ++j) {
    CHECK(b.gate.row(2)[j] == Approx(4.0 * a.gate.row(2)[j]));
    CHECK(b.up.row(2)[j] == Approx(4.0 * a.up.row(2)[j]));
    CHECK(b.act.row(2)[j] == Approx(a.act.row(2)[j]));
    CHECK(b.output.row(2)[j] == Approx(a.output.row(2)[j]));
  }
}

TEST_CASE("an interrupted measurement says so", "[weights][coupling]") {
  const PlainWeights weights(6, 16, 8, false, 4);
  const auto router = audits::seen_router(weights, 0);
  const auto found = audits::expert_responses(
      weights, 0, router, 1, [] { return true; }, [] {});
  REQUIRE(!found);
  CHECK(found.error().kind == Error::Kind::interrupted);
}

TEST_CASE("a model without router rows and a recording are skipped in the usual words", "[weights]") {
  auto config = small_config("expert-autonomy,k=2");
  config.router.score = model::Score::autonomy;
  const auto model = small_model(config);
  CHECK_FALSE(live(model, small_live())->capabilities().weights);
  const auto usual = small_model(small_config("top-k,k=2"));
  CHECK(live(usual, small_live())->capabilities().weights);
}

TEST_CASE("the loss of a check is the loss of training where gains are 1", "[weights][coupling]") {
  auto config = small_config("top-k,k=2");
  const auto model = small_model(config);
  const auto runnable = model::make_runnable(model);
  const auto router = audits::seen_router(*runnable->weights(), 1);
  const auto found = audits::expert_responses(
      *runnable->weights(), 1, router, 3, [] { return false; }, [] {});
  REQUIRE(found);
  kernels::Matrix<double> rows, in;
  const auto& tensors = model.network().table().layers[1];
  const auto& parameters = model.network().parameters();
  const auto widen = [](kernels::Block<const float> from, kernels::Matrix<double>& to) {
    to.resize(from.rows, from.columns);
    for (std::size_t i = 0; i < from.rows; ++i) std::copy(from.row(i), from.row(i) + from.columns, to.row(i));
  };
  widen(parameters.block(*tensors.router), rows);
  widen(parameters.block(*tensors.expert_in), in);
  const model::Coupling<double> trained(std::as_const(rows).block(), std::as_const(in).block(),
                                        config.expert_width, 0.75,
                                        routing::coupling_noise<double>(std::as_const(rows).block(), 3));
  CHECK(routing::coupling_loss<double>(found->noisy_gate.block(), 0.75) ==
        Approx(trained.loss()).epsilon(1e-5));
}

TEST_CASE("the cost is that of the products it counts", "[weights][coupling]") {
  const auto model = small_model(small_config("top-k,k=2"));  // 8 experts of 16 x 16, 2 layers, 16 tokens
  const auto ran = coupling_of(*live(model, small_live()));
  const double layer = 3 * 16 * 16 + 16 * 16 + 8 * 16 + 2 * 3 * 16 * 16;  // attention, router, two experts
  const double token = 16 * 16 + 2 * layer, term = 2 * 8 * 8 * 16 * 16;
  CHECK(find_measurement(ran, "coupling_cost_tokens")->value == Approx(term / token));
  CHECK(find_measurement(ran, "coupling_cost[4194304 tokens]")->value == Approx(term / token / 4194304.0));
}

TEST_CASE("random experts are called uncoupled as often as the level says", "[weights][coupling]") {
  std::size_t coupled = 0;
  constexpr std::size_t models = 100;
  for (std::uint64_t seed = 0; seed < models; ++seed) {
    const auto model = small_model(small_config("top-k,k=2"), seed);
    const auto ran = coupling_of(*live(model, small_live()));
    const bool both = claims(ran, "uncoupled") && ran.claims.front().layers.size() == 2;
    coupled += both ? 0 : 1;
  }
  WARN("some layer called coupled in " << coupled << " of " << models << " random models");
  CHECK(coupled <= 13);  // 5 expected
}

TEST_CASE("an arm that was trained with the coupling loss is coupled, one without it less",
          "[weights][coupling]") {
  const auto source = stats::TokenSource::make(Source{"markov", 32, 1, 6, 1});
  REQUIRE(source);
  for (const std::uint64_t seed : {1U, 2U, 3U}) {
    Ran untrained, plain, coupled;
    for (auto [steps, coefficient, out] :
         {std::tuple{0U, 0.0, &untrained}, {400U, 0.0, &plain}, {400U, 1.0, &coupled}}) {
      auto config = small_config("top-k,k=2");
      config.vocab = 32;
      config.experts = 16;
      config.init_std = 0.05;
      model::TrainingConfig training;
      training.steps = std::max(1U, steps);
      training.warmup = 0;
      training.objectives.coupling = coefficient;
      auto model = small_model(config, seed, training);
      std::vector<std::int64_t> tokens;
      for (std::uint64_t step = 0; step < steps; ++step) {
        source->draw(seed * 1000 + step, 8, 32, tokens);
        REQUIRE(model.step({{8, 32}, tokens, {}}));
      }
      *out = coupling_of(*live(model, small_live()));
    }
    for (const char* name : {"rows_won[gate]", "columns_won[gate]", "rows_won_rescaled[gate]",
                             "own_excess[gate]", "own_excess[output]", "coupling_loss_relative[1]"})
      WARN("seed " << seed << " " << name << ": untrained " << value_of(untrained, name) << ", trained "
                   << value_of(plain, name) << ", with the loss " << value_of(coupled, name));
    CHECK(value_of(coupled, "rows_won[gate]") > value_of(plain, "rows_won[gate]") + 0.3);
    CHECK(value_of(coupled, "own_excess[gate]") > value_of(plain, "own_excess[gate]"));
    CHECK(value_of(coupled, "coupling_loss_relative[1]") < value_of(plain, "coupling_loss_relative[1]"));
    CHECK_FALSE(claims(coupled, "uncoupled"));
  }
}

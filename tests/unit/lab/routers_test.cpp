// What the lab measures of routers: along training, of a probe batch, and of the trained model.

#include <cmath>
#include <numeric>

#include "catch.h"
#include "lab/gradient_alignment.h"
#include "lab/probe.h"
#include "lab/router_learning.h"
#include "lab/training_record.h"
#include "stats/random.h"
#include "unit/model/sample.h"

namespace pastonly::lab {
namespace {

Mask random_mask(std::size_t tokens, std::size_t experts, double share, std::uint64_t seed) {
  stats::CounterRng random(seed);
  Mask mask(tokens, experts);
  for (std::size_t t = 0; t < tokens; ++t)
    for (std::size_t e = 0; e < experts; ++e)
      mask(t, e) = random.uniform() < share * static_cast<double>(e + 1) ? 1 : 0;
  return mask;
}

std::vector<float> normal_matrix(std::size_t size, std::uint64_t seed) {
  stats::CounterRng random(seed);
  std::vector<float> out(size);
  for (float& value : out) value = static_cast<float>(random.normal());
  return out;
}

}  // namespace

TEST_CASE("agreement of routes is 1 for the same, 0 for chance", "[lab][routers]") {
  const Mask a = random_mask(4000, 5, 0.15, 1), b = random_mask(4000, 5, 0.15, 2);
  CHECK(agreement_above_chance(a, a) == 1.0);
  // Loads far from even, so routes meet often by chance alone.
  CHECK(agreement_above_chance(a, b) == Approx(0.0).margin(0.03));
  Mask all(10, 2);
  std::fill_n(all.view().data(), 20, 1);
  CHECK(agreement_above_chance(all, all) == 1.0);
  // Two tokens, one expert each, exchanged: as far below chance as can be.
  Mask first(2, 2), second(2, 2);
  first(0, 0) = first(1, 1) = second(0, 1) = second(1, 0) = 1;
  CHECK(agreement_above_chance(first, second) == Approx(-1.0));
}

TEST_CASE("a layer is settled from the step on which it stays near its end", "[lab][routers]") {
  const Mask end = random_mask(200, 4, 0.2, 3), other = random_mask(200, 4, 0.2, 4);
  TrainingRecord record;
  record.probes = {{0, {end, other}}, {1, {other, other}}, {5, {end, other}}, {9, {end, end}}};
  const auto layers = fixation_of(record, 2);
  REQUIRE(layers.size() == 2);
  CHECK(layers[0].layer == 2);
  CHECK(layers[0].settled == 5);
  CHECK(layers[1].settled == 9);
  CHECK(layers[0].agreement[1].second < 0.3);
  CHECK(layers[0].agreement.back() == std::pair<std::uint64_t, double>{9, 1.0});
  CHECK(fixation_of({}, 0).empty());
}

TEST_CASE("moments of measurement are of the number of steps alone", "[lab][routers]") {
  CHECK(curve_stride(49) == 1);
  CHECK(curve_stride(101) == 3);
  CHECK(probe_steps(1) == std::vector<std::uint64_t>{0, 1});
  const auto steps = probe_steps(1000);
  CHECK(steps.front() == 0);
  CHECK(steps.back() == 1000);
  CHECK(steps.size() <= 21);
  CHECK(std::is_sorted(steps.begin(), steps.end()));
  CHECK(steps[steps.size() - 2] == 695);  // 1000^(18/19)
}

TEST_CASE("a training record comes back as it was written, or not at all", "[lab][routers]") {
  TrainingRecord record;
  record.losses = {3.0, 2.5};
  record.routers = {{0, {0.5, -0.1, 0.2, 0.0}}, {2, {0.4, 0.1, 0.3, 0.01}}};
  record.probes = {{0, {random_mask(7, 3, 0.3, 5)}}, {2, {random_mask(7, 3, 0.3, 6)}}};
  const auto json = to_json(record);
  CHECK(training_record_of(json) == record);
  for (const char* key : {"losses", "routers", "probes"}) {
    auto broken = json;
    broken.erase(key);
    CHECK_FALSE(training_record_of(broken));
  }
  auto broken = json;
  broken["probes"][0]["layers"][0]["routes"] = "zz";
  CHECK_FALSE(training_record_of(broken));
  broken = json;
  broken["probes"][0]["layers"] = input::Json::array();  // of fewer layers than the other
  CHECK_FALSE(training_record_of(broken));
  record.cut(1);
  CHECK(record.losses.size() == 1);
  CHECK(record.routers.size() == 1);
  CHECK(record.probes.size() == 1);
}

TEST_CASE("gradients along one input are aligned, of strangers by chance", "[lab][routers]") {
  constexpr std::size_t experts = 6, width = 32, rows = 8;
  const auto inputs = normal_matrix(experts * width, 7), scale = normal_matrix(experts * rows, 8);
  // Of a single token each, row and gate are multiples of its input.
  std::vector<float> gates(experts * rows * width), router(experts * width);
  for (std::size_t e = 0; e < experts; ++e) {
    for (std::size_t c = 0; c < width; ++c) {
      router[e * width + c] = -3.0F * inputs[e * width + c];
      for (std::size_t r = 0; r < rows; ++r)
        gates[(e * rows + r) * width + c] = scale[e * rows + r] * inputs[e * width + c];
    }
  }
  std::vector<kernels::Block<const float>> blocks;
  for (std::size_t e = 0; e < experts; ++e) blocks.emplace_back(&gates[e * rows * width], rows, width);
  const auto one = gradient_alignment({router.data(), experts, width}, blocks);
  REQUIRE(one);
  CHECK(one->own == Approx(1.0));
  CHECK(one->own_share == Approx(1.0));
  CHECK(one->directions == Approx(1.0));
  CHECK(one->other < 0.35);  // sqrt(2 / (pi 32)) = 0.14 expected
  CHECK(one->other_share == Approx(1.0 / width).margin(0.06));
  // Rows that have nothing to do with the gates: own is as other.
  const auto foreign = normal_matrix(experts * width, 9);
  const auto none = gradient_alignment({foreign.data(), experts, width}, blocks);
  REQUIRE(none);
  CHECK(none->own < 0.4);
  // A zero row and a zero gate are left out; one expert alone has none to compare with.
  std::fill_n(router.data(), width, 0.0F);
  std::fill_n(&gates[rows * width], rows * width, 0.0F);
  CHECK(gradient_alignment({router.data(), experts, width}, blocks));
  CHECK_FALSE(gradient_alignment({router.data(), 2, width}, {blocks[0], blocks[1]}));
}

TEST_CASE("the leading directions are the fewest that hold nine tenths", "[lab][routers]") {
  // Singular values 3, 2, 1 along axes of their own: squares 9, 4, 1, of which two hold 13 of 14.
  constexpr std::size_t width = 8, rows = 3;
  std::vector<float> gates(2 * rows * width, 0.0F), router(2 * width, 0.0F);
  for (std::size_t e = 0; e < 2; ++e) {
    for (std::size_t r = 0; r < rows; ++r) {
      gates[(e * rows + r) * width + 4 * e + r] = static_cast<float>(3 - r);
      router[e * width + 4 * e + r] = 1.0F;
    }
  }
  router[3] = 1.0F;  // the first row lies outside its gate by a quarter
  const auto found = gradient_alignment({router.data(), 2, width},
                                        {{gates.data(), rows, width}, {&gates[rows * width], rows, width}});
  REQUIRE(found);
  CHECK(found->directions == Approx(2.0));
  CHECK(found->own == Approx(0.5 * (1.0 / std::sqrt(4.0) + 1.0 / std::sqrt(3.0))));
  CHECK(found->own_share == Approx(0.5 * (2.0 / 4.0 + 2.0 / 3.0)));
  CHECK(found->other == Approx(0.0).margin(1e-12));
  CHECK(found->other_share == Approx(0.0).margin(1e-12));
}

TEST_CASE("scores and activations are held against each other as by hand", "[lab][routers]") {
  model::ModelConfig config = model::small_config();
  config.router.rule = {"top-k", {{"k", 2}}};
  const auto network = model::Network<float>::make(config, 4);
  REQUIRE(network);
  const model::Sample sample({4, 20, TokenOrder::batch_major}, config.vocab);
  const auto layers = router_learning(*network, sample.batch(), 1);
  REQUIRE(layers.size() == 2);
  model::Workspace<float> w;
  network->forward(sample.batch(), {.training = false, .seed = 1}, {}, w);
  for (std::size_t l = 0; l < 2; ++l) {
    double sum_routed = 0.0, sum_all = 0.0;
    for (std::size_t e = 0; e < config.experts; ++e) {
      const auto in = network->parameters().expert(*network->table().layers[l].expert_in, e);
      for (const bool routed : {true, false}) {
        std::vector<double> scores, norms;
        for (std::size_t t = 0; t < 80; ++t) {
          if (routed && w.layers[l].routing.mask(t, e) == 0) continue;
          double square = 0.0;
          for (std::size_t f = 0; f < config.expert_width; ++f) {
            double gate = 0.0, up = 0.0;
            for (std::size_t c = 0; c < config.width; ++c) {
              gate += static_cast<double>(in(f, c)) * w.layers[l].normed2.row(t)[c];
              up += static_cast<double>(in(config.expert_width + f, c)) * w.layers[l].normed2.row(t)[c];
            }
            square += std::pow(gate / (1.0 + std::exp(-gate)) * up, 2);
          }
          scores.push_back(w.layers[l].router.scores.row(t)[e]);
          norms.push_back(std::sqrt(square));
        }
        const auto n = static_cast<double>(scores.size());
        const double x = std::accumulate(scores.begin(), scores.end(), 0.0) / n;
        const double y = std::accumulate(norms.begin(), norms.end(), 0.0) / n;
        double xx = 0.0, yy = 0.0, xy = 0.0;
        for (std::size_t i = 0; i < scores.size(); ++i) {
          xx += (scores[i] - x) * (scores[i] - x);
          yy += (norms[i] - y) * (norms[i] - y);
          xy += (scores[i] - x) * (norms[i] - y);
        }
        (routed ? sum_routed : sum_all) += xy / std::sqrt(xx * yy) / static_cast<double>(config.experts);
      }
    }
    REQUIRE(layers[l].activation_routed);
    REQUIRE(layers[l].activation_all);
    CHECK(*layers[l].activation_routed == Approx(sum_routed).margin(1e-4));
    CHECK(*layers[l].activation_all == Approx(sum_all).margin(1e-4));
    REQUIRE(layers[l].alignment);
    CHECK(*layers[l].share <= 1.0 + 1e-12);
    CHECK(*layers[l].directions <= 7.0);  // no more than gate rows
  }
}

TEST_CASE("with gates renormalised, a router row's gradient lies in the span of its expert's tokens",
          "[lab][routers]") {
  // Of three tokens, each with two of three experts.
  model::ModelConfig config = model::small_config();
  config.layers = 1;
  config.experts = 3;
  config.expert_width = 20;
  config.router.rule = {"top-k", {{"k", 2}}};
  const auto network = model::Network<double>::make(config, 8);
  REQUIRE(network);
  const model::Sample sample({1, 3, TokenOrder::batch_major}, config.vocab, 5);
  model::Workspace<double> w;
  network->forward(sample.batch(), {.training = false}, {}, w);
  model::Arena<double> gradients(network->table());
  network->backward({}, w, gradients);
  const auto router = gradients.block(*network->table().layers[0].router);
  double square = 0.0;
  for (std::size_t e = 0; e < config.experts; ++e)
    for (std::size_t c = 0; c < config.width; ++c) square += router(e, c) * router(e, c);
  REQUIRE(square > 0.0);
  for (std::size_t e = 0; e < config.experts; ++e) {
    // Gram-Schmidt over the inputs that the expert received.
    std::vector<double> rest(router.row(e), router.row(e) + config.width);
    double after = 0.0;
    std::vector<std::vector<double>> basis;
    for (std::size_t t = 0; t < 3; ++t) {
      if (w.layers[0].routing.mask(t, e) == 0) continue;
      std::vector<double> x(w.layers[0].normed2.row(t), w.layers[0].normed2.row(t) + config.width);
      const auto remove = [&](std::vector<double>& from, const std::vector<double>& unit) {
        const double along = std::inner_product(from.begin(), from.end(), unit.begin(), 0.0);
        for (std::size_t c = 0; c < from.size(); ++c) from[c] -= along * unit[c];
      };
      for (const auto& unit : basis) remove(x, unit);
      const double length = std::sqrt(std::inner_product(x.begin(), x.end(), x.begin(), 0.0));
      if (length < 1e-6) continue;
      for (double& value : x) value /= length;
      remove(rest, x);
      basis.push_back(x);
    }
    for (const double value : rest) after += value * value;
    CHECK(after <= 1e-20 * square);
  }
}

TEST_CASE("what has no rows, or mixes tokens, is left out", "[lab][routers]") {
  model::ModelConfig config = model::small_config();
  const model::Sample sample({2, 10, TokenOrder::batch_major}, config.vocab);
  config.router.score = model::Score::cosine;
  config.router.gate = model::Gate::softmax;
  config.router.rule = {"k-means", {{"k", 2}}};
  const auto cosine = model::Network<float>::make(config, 1);
  CHECK(model::measure_routers(*cosine));
  CHECK_FALSE(router_learning(*cosine, sample.batch(), 1)[0].alignment);
  CHECK(router_learning(*cosine, sample.batch(), 1)[0].activation_all);
  config.router.score = model::Score::autonomy;
  config.router.gate = model::Gate::renormalised;
  config.router.rule = {"expert-autonomy", {{"k", 2}}};
  const auto autonomy = model::Network<float>::make(config, 1);
  CHECK_FALSE(model::measure_routers(*autonomy));
  CHECK_FALSE(router_learning(*autonomy, sample.batch(), 1)[0].activation_all);
  config = model::small_config();
  config.router.gate = model::Gate::raw;
  config.router.rule = {"soft-moe", {}};
  const auto soft = model::Network<float>::make(config, 1);
  CHECK(router_learning(*soft, sample.batch(), 1).empty());
}

TEST_CASE("router rows are measured by their definitions", "[lab][routers]") {
  model::ModelConfig config = model::small_config();
  const auto network = model::Network<float>::make(config, 2);
  const auto measures = model::measure_routers(*network);
  REQUIRE(measures);
  double epsilon = 0.0, cosine = 0.0, magnitude = 0.0, coupling = 0.0;
  for (std::size_t l = 0; l < config.layers; ++l) {
    const auto& tensors = network->table().layers[l];
    const auto rows = network->parameters().block(*tensors.router);
    const std::size_t n = config.experts;
    const auto count = static_cast<double>(n);
    const auto inner = [&](std::size_t i, std::size_t j) {
      double sum = 0.0;
      for (std::size_t c = 0; c < config.width; ++c) sum += static_cast<double>(rows(i, c)) * rows(j, c);
      return sum;
    };
    const auto norm = [&](std::size_t proxy, std::size_t expert) {
      const auto in = network->parameters().expert(*tensors.expert_in, expert);
      double square = 0.0;
      for (std::size_t f = 0; f < config.expert_width; ++f) {
        double sum = 0.0;
        for (std::size_t c = 0; c < config.width; ++c) sum += static_cast<double>(in(f, c)) * rows(proxy, c);
        square += sum * sum;
      }
      return std::sqrt(square);
    };
    for (std::size_t i = 0; i < n; ++i) {
      double nearest = 1e300;
      for (std::size_t j = 0; j < n; ++j) {
        if (j == i) continue;
        nearest = std::min(nearest, std::sqrt(inner(i, i) + inner(j, j) - 2.0 * inner(i, j)));
        const double angle = inner(i, j) / std::sqrt(inner(i, i) * inner(j, j));
        cosine += angle / (2.0 * count * (count - 1.0));
        magnitude += std::fabs(angle) / (2.0 * count * (count - 1.0));
        coupling += (std::max(norm(i, j) - norm(i, i), 0.0) + std::max(norm(j, i) - norm(i, i), 0.0)) /
                    (2.0 * count * count);
      }
      epsilon += nearest / (2.0 * std::sqrt(inner(i, i))) / (2.0 * count);
    }
  }
  CHECK(measures->epsilon == Approx(epsilon).epsilon(1e-5));
  CHECK(measures->cosine == Approx(cosine).margin(1e-6));
  CHECK(measures->absolute_cosine == Approx(magnitude).epsilon(1e-5));
  CHECK(measures->coupling == Approx(coupling).epsilon(1e-5));
}

}  // namespace pastonly::lab

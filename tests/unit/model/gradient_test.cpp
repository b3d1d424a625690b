// Gradients of the whole model against central finite differences, in double, one configuration per part.
#include <cmath>
#include <string>

#include "catch.h"
#include "unit/model/sample.h"

namespace pastonly::model {
namespace {

struct Case {
  std::string name;
  ModelConfig config;
  Objectives objectives;
  Layout layout{2, 9, TokenOrder::batch_major};
  bool padded = false;
};

std::vector<Mask> masks(const Workspace<double>& workspace) {
  std::vector<Mask> all;
  for (const auto& layer : workspace.layers) all.push_back(layer.routing.mask);
  return all;
}

/// Some elements of every tensor: the first, the last and random ones between.
std::vector<std::size_t> probes(const TensorInfo& tensor, stats::CounterRng& random) {
  std::vector<std::size_t> at{0, tensor.size() - 1};
  for (int i = 0; i < 4; ++i) at.push_back(random.below(tensor.size()));
  return at;
}

void check_gradients(const Case& c) {
  INFO(c.name);
  auto network = Network<double>::make(c.config, 7);
  REQUIRE(network);
  Sample sample(c.layout, c.config.vocab);
  if (c.padded) {
    sample.valid.assign(c.layout.tokens(), 1);
    sample.valid[c.layout.positions - 1] = sample.valid[c.layout.positions - 2] = 0;
  }
  // Gains of 1 and biases of 0 would hide mistakes.
  stats::CounterRng random(99);
  for (std::size_t id = 0; id < network->table().tensors.size(); ++id) {
    if (network->table()[id].init_std != 0.0) continue;
    for (std::size_t i = 0; i < network->table()[id].size(); ++i)
      network->parameters().data(id)[i] += 0.3 * random.normal();
  }
  const ForwardOptions options{.training = true, .seed = 5, .rule = nullptr};
  Workspace<double> workspace;
  Arena<double> gradients(network->table());
  network->forward(sample.batch(), options, c.objectives, workspace);
  const auto routed = masks(workspace);
  network->backward(c.objectives, workspace, gradients);
  const auto loss_at = [&](double& value, double moved) {
    const double kept = std::exchange(value, moved);
    network->forward(sample.batch(), options, c.objectives, workspace);
    value = kept;
    REQUIRE(masks(workspace) == routed);  // selection is a constant only where it does not flip
    return workspace.losses.total(c.objectives);
  };
  for (std::size_t id = 0; id < network->table().tensors.size(); ++id) {
    INFO(network->table()[id].name);
    for (const std::size_t at : probes(network->table()[id], random)) {
      double& value = network->parameters().data(id)[at];
      constexpr double step = 1e-5;
      const double difference = (loss_at(value, value + step) - loss_at(value, value - step)) / (2.0 * step);
      INFO("element " << at);
      CHECK(gradients.data(id)[at] == Approx(difference).epsilon(2e-6).margin(2e-9));
    }
  }
}

Case with(std::string name, void (*change)(Case&)) {
  Case c{std::move(name), small_config(), {}, {2, 9, TokenOrder::batch_major}, false};
  change(c);
  return c;
}

}  // namespace

TEST_CASE("gradients: decoder variants", "[model][gradients]") {
  check_gradients(with("plain", [](Case&) {}));
  check_gradients(with("tied", [](Case& c) { c.config.tied_embeddings = true; }));
  check_gradients(with("grouped queries", [](Case& c) { c.config.heads = 4, c.config.kv_heads = 2; }));
  check_gradients(with("qk norm per head", [](Case& c) { c.config.qk_norm = QkNorm::per_head; }));
  check_gradients(with("qk norm whole", [](Case& c) {
    c.config.qk_norm = QkNorm::whole, c.config.heads = 4, c.config.qkv_bias = true;
  }));
  check_gradients(with("dense first", [](Case& c) { c.config.dense_layers = 1, c.config.dense_width = 9; }));
  check_gradients(with("shared", [](Case& c) { c.config.shared_width = 5; }));
  check_gradients(
      with("shared with a gate", [](Case& c) { c.config.shared_width = 5, c.config.shared_gate = true; }));
  check_gradients(
      with("padding", [](Case& c) { c.padded = true, c.objectives = {.balance = 0.5, .z = 0.1}; }));
  check_gradients(with("several blocks", [](Case& c) { c.layout = {3, 70, TokenOrder::batch_major}; }));
}

TEST_CASE("gradients: router scores and gates", "[model][gradients]") {
  for (const Score score : {Score::softmax, Score::sigmoid, Score::noisy, Score::cosine, Score::autonomy}) {
    for (const Gate gate : {Gate::raw, Gate::renormalised, Gate::softmax, Gate::column_normalised}) {
      if (score == Score::cosine && gate != Gate::raw && gate != Gate::softmax) continue;  // refused
      Case c = with("score " + std::to_string(static_cast<int>(score)) + " gate " +
                        std::to_string(static_cast<int>(gate)),
                    [](Case&) {});
      c.config.router.score = score;
      c.config.router.gate = gate;
      c.config.router.gate_scale = 1.7;
      c.objectives.balance = 0.3;
      if (score != Score::cosine && score != Score::autonomy) c.objectives.z = 0.2;
      check_gradients(c);
    }
  }
}

TEST_CASE("gradients: rules that drop, and order of tokens", "[model][gradients]") {
  for (const GateOver over : {GateOver::kept, GateOver::selected}) {
    Case c = with("drops", [](Case&) {});
    c.config.router.rule = {"drop-by-score", {{"k", 2}, {"capacity", 5}}};
    c.config.router.gate_over = over;
    c.objectives.balance = 0.3;
    check_gradients(c);
  }
  check_gradients(with("expert choice, sequence-major", [](Case& c) {
    c.config.router.rule = {"expert-choice", {{"k", 2}, {"chunk", 6}}};
    c.config.router.gate = Gate::raw;
    c.layout.order = TokenOrder::sequence_major;
  }));
}

TEST_CASE("gradients: soft mixture of experts", "[model][gradients]") {
  for (const char* scope : {"batch", "sequence"}) {
    Case c = with(scope, [](Case& changed) { changed.padded = true; });
    c.config.router.rule = {"soft-moe", {{"scope", scope}}};
    c.config.router.gate = Gate::raw;
    c.objectives = {.balance = 0.3, .z = 0.2};
    check_gradients(c);
  }
}

TEST_CASE("gradients: coupling without noise", "[model][gradients]") {
  check_gradients(with("coupling", [](Case& c) {
    c.objectives = {.coupling = 0.6, .coupling_alpha = 0.8, .coupling_noise = false};
  }));
}

TEST_CASE("gradients: router orthogonality", "[model][gradients]") {
  check_gradients(with("orthogonality", [](Case& c) { c.objectives.orthogonality = 0.4; }));
}

}  // namespace pastonly::model

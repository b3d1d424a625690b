#include <tbb/global_control.h>

#include <cmath>

#include "unit/checkpoint/exported.h"

namespace pastonly::checkpoint {
namespace {

using model::ModelConfig;

struct Shape {
  const char* name;
  std::function<void(ModelConfig&)> change;
};

const std::vector<Shape> shapes{
    {"mixtral", [](ModelConfig& c) { c.kv_heads = 1; }},
    {"olmoe", [](ModelConfig& c) { c.qk_norm = model::QkNorm::whole, c.router.gate = model::Gate::raw; }},
    {"qwen2-moe",
     [](ModelConfig& c) {
       c.qkv_bias = true, c.shared_width = 10, c.shared_gate = true, c.dense_layers = 1;
     }},
    {"qwen3-moe",
     [](ModelConfig& c) {
       c.qk_norm = model::QkNorm::per_head, c.kv_heads = 1, c.tied_embeddings = true, c.dense_layers = 1;
     }},
    {"glm4-moe",
     [](ModelConfig& c) {
       c.qk_norm = model::QkNorm::per_head, c.kv_heads = 1, c.qkv_bias = true, c.dense_layers = 1;
       c.shared_width = 2 * c.expert_width;
       c.router.score = model::Score::sigmoid, c.router.gate_scale = 2.5;
       c.router.rule = {"biased-top-k", {{"k", 2}, {"bias", Value::Array{0.3, -0.2, 0.0, 0.4, -0.1}}}};
     }},
    {"glm4-moe, plain",
     [](ModelConfig& c) { c.router.score = model::Score::sigmoid, c.router.gate = model::Gate::raw; }},
};

void check_close(const std::vector<float>& a, const std::vector<float>& b) {
  REQUIRE(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i) REQUIRE(a[i] == Approx(b[i]).margin(2e-5));
}

void check_same(const TraceData& a, const TraceData& b) {
  REQUIRE(a.layers.size() == b.layers.size());
  for (std::size_t l = 0; l < a.layers.size(); ++l) {
    CHECK(a.layers[l].index == b.layers[l].index);
    CHECK(a.layers[l].mask == b.layers[l].mask);
    check_close(a.layers[l].scores, b.layers[l].scores);
    check_close(a.layers[l].logits, b.layers[l].logits);
    check_close(a.layers[l].gates, b.layers[l].gates);
  }
  for (std::size_t t = 0; t < a.log_probs.size(); ++t) {
    REQUIRE(std::isnan(a.log_probs[t]) == std::isnan(b.log_probs[t]));
    if (!std::isnan(a.log_probs[t])) REQUIRE(a.log_probs[t] == Approx(b.log_probs[t]).margin(2e-5));
  }
}

TEST_CASE("an exported model runs as the model it was", "[checkpoint]") {
  for (const Shape& shape : shapes) {
    for (const bool hashed : {false, true}) {
      INFO(shape.name << (hashed ? ", routed by token ids" : ""));
      ModelConfig config = exported_config();
      shape.change(config);
      const TemporaryDirectory directory;
      export_model(config, directory.path());
      const auto model = shaken_model(config);
      // A rule whose outcome no rounding moves: the two models round differently.
      const auto rule = make_rule("hash", {{"k", 3}});
      REQUIRE(rule.has_value());
      model::ObserveOptions options;
      if (hashed) options.rule = rule->get();
      const model::Sample sample({3, 70, TokenOrder::sequence_major}, config.vocab, 9);
      const auto expected = model.observe(sample.batch(), options);
      REQUIRE(expected.has_value());
      check_same(observed(opened(directory.path()), sample.batch(), options), *expected);
    }
  }
}

TEST_CASE("a rule given on opening takes the place of the declared one", "[checkpoint]") {
  const TemporaryDirectory directory;
  export_model(exported_config(), directory.path());
  const auto checkpoint = opened(directory.path(), RuleSpec{"expert-choice", {{"k", 1}, {"chunk", 10}}});
  const model::Sample sample({2, 20, TokenOrder::batch_major}, exported_config().vocab);
  const auto data = observed(checkpoint, sample.batch());
  for (const auto& layer : data.layers) {
    for (std::size_t first = 0; first < 40; first += 10) {
      for (std::size_t e = 0; e < 5; ++e) {
        int taken = 0;
        for (std::size_t t = first; t < first + 10; ++t) taken += layer.mask(t, e);
        CHECK(taken == 2);
      }
    }
  }
  CHECK(data.rule.find("expert-choice") != std::string::npos);
  CHECK_FALSE(Checkpoint::open(directory.path(), RuleSpec{"no-such-rule", {}}).has_value());
}

TEST_CASE("a token's results do not move with what follows, the batch or the threads", "[checkpoint]") {
  const TemporaryDirectory directory;
  export_model(exported_config(), directory.path());
  const auto checkpoint = opened(directory.path());
  const model::Sample whole({3, 90, TokenOrder::batch_major}, exported_config().vocab, 4);
  const auto data = observed(checkpoint, whole.batch());
  const std::vector<std::int64_t> row(whole.tokens.begin() + 90, whole.tokens.begin() + 90 + 71);
  const tbb::global_control one(tbb::global_control::max_allowed_parallelism, 1);
  InferenceWorkspace workspace;
  PassExtras extras;
  extras.next = whole.tokens[90 + 71];
  const auto alone = checkpoint.observe({{1, 71}, row, {}}, {}, workspace, &extras);
  REQUIRE(alone.has_value());
  for (std::size_t t = 1; t < 71; ++t) REQUIRE(alone->log_probs[t] == data.log_probs[90 + t]);
  CHECK(extras.next_log_prob == data.log_probs[90 + 71]);
  for (std::size_t l = 0; l < data.layers.size(); ++l) {
    for (std::size_t i = 0; i < 71 * 5; ++i)
      REQUIRE(alone->layers[l].scores[i] == data.layers[l].scores[90 * 5 + i]);
  }
}

TEST_CASE("tokens outside the vocabulary are refused", "[checkpoint]") {
  const TemporaryDirectory directory;
  export_model(exported_config(), directory.path());
  const auto checkpoint = opened(directory.path());
  InferenceWorkspace workspace;
  const std::vector<std::int64_t> tokens{1, 11};
  const auto data = checkpoint.observe({{1, 2}, tokens, {}}, {}, workspace);
  REQUIRE_FALSE(data.has_value());
  CHECK(data.error().message.find("expected ids below 11") != std::string::npos);
}

}  // namespace
}  // namespace pastonly::checkpoint

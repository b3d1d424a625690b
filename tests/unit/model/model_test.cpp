#include "model/model.h"

#include <tbb/global_control.h>
#include <tbb/task_arena.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <functional>

#include "catch.h"
#include "model/hugging_face.h"
#include "unit/model/sample.h"

namespace pastonly::model {
namespace {

/// A directory of its own that disappears with the test.
struct Directory {
  std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("pastonly-model-" + std::to_string(::getpid()));
  Directory() { std::filesystem::create_directories(path); }
  ~Directory() { std::filesystem::remove_all(path); }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
};

ModelConfig stateful_config() {
  ModelConfig config = small_config();
  config.init_std = 0.1;
  config.router.score = Score::sigmoid;
  config.router.rule = {"biased-top-k", {{"k", 2}, {"update_rate", 0.01}}};
  return config;
}

bool equal(const Arena<float>& a, const Arena<float>& b, const ParameterTable& table) {
  for (std::size_t id = 0; id < table.tensors.size(); ++id) {
    if (!std::equal(a.data(id), a.data(id) + table[id].size(), b.data(id))) return false;
  }
  return true;
}

void train(Model& model, std::size_t steps, Layout layout = {4, 16, TokenOrder::batch_major}) {
  for (std::size_t i = 0; i < steps; ++i) {
    const Sample sample(layout, model.config().vocab, 100 + model.steps_done());
    REQUIRE(model.step(sample.batch()));
  }
}

Model made(const ModelConfig& config, const TrainingConfig& training = {}) {
  auto model = Model::create(config, training, 11);
  REQUIRE(model);
  return std::move(*model);
}

/// Configurations whose state and chance could tell threads or files apart.
std::vector<ModelConfig> varied() {
  std::vector<ModelConfig> configs{stateful_config(), small_config(), small_config(), small_config()};
  configs[1].router.score = Score::noisy;
  configs[1].shared_width = 5;
  configs[1].shared_gate = true;
  configs[2].router.score = Score::cosine;
  configs[2].router.rule = {"k-means", {{"k", 2}}};
  configs[2].router.gate = Gate::softmax;
  configs[3].router.score = Score::autonomy;
  configs[3].router.rule = {"random-token", {{"k", 1}, {"capacity_factor", 1.0}}};
  return configs;
}

}  // namespace

TEST_CASE("model: bit-identical after several steps with 1 and 2 threads", "[model]") {
  const tbb::global_control allowed(tbb::global_control::max_allowed_parallelism, 2);
  for (const ModelConfig& config : varied()) {
    TrainingConfig training;
    training.objectives.balance = 0.01;
    const auto run = [&](int threads) {
      Model model = made(config, training);
      tbb::task_arena arena(threads);
      arena.execute([&] { train(model, 5, {8, 40, TokenOrder::batch_major}); });
      return model;
    };
    const Model one = run(1), two = run(2);
    CHECK(equal(one.network().parameters(), two.network().parameters(), one.network().table()));
  }
}

TEST_CASE("model: saved, loaded and continued bit for bit", "[model]") {
  const Directory directory;
  for (const ModelConfig& config : varied()) {
    Model model = made(config);
    train(model, 4);
    const auto path = directory.path / "model.safetensors";
    REQUIRE(model.save(path));
    auto loaded = Model::load(path);
    REQUIRE(loaded);
    CHECK(loaded->steps_done() == 4);
    CHECK(loaded->training() == model.training());
    train(model, 3);
    train(*loaded, 3);
    CHECK(equal(model.network().parameters(), loaded->network().parameters(), model.network().table()));
    const Sample sample({2, 12, TokenOrder::batch_major}, config.vocab);
    const auto a = model.observe(sample.batch()), b = loaded->observe(sample.batch());
    REQUIRE((a && b));
    CHECK(a->layers[1].scores == b->layers[1].scores);
    CHECK(a->layers[1].bias == b->layers[1].bias);
    CHECK(a->layers[1].mask == b->layers[1].mask);
  }
}

TEST_CASE("model: a file that is no saved model is an input error", "[model]") {
  const Directory directory;
  const auto missing = Model::load(directory.path / "none.safetensors");
  REQUIRE_FALSE(missing);
  CHECK(missing.error().kind == Error::Kind::input);
}

TEST_CASE("model: learns a repeated pattern", "[model]") {
  ModelConfig config = small_config();
  config.init_std = 0.1;
  TrainingConfig training;
  training.steps = 300;
  training.warmup = 10;
  training.learning_rate = 1e-2;
  Model model = made(config, training);
  std::vector<std::int64_t> tokens(8 * 22);
  for (std::size_t t = 0; t < tokens.size(); ++t) {
    const std::size_t row = t / 22, position = t % 22;
    tokens[t] = static_cast<std::int64_t>((row + 3 * position) % 11);
  }
  const Batch batch{{8, 22, TokenOrder::batch_major}, tokens, {}};
  double first = 0.0, last = 0.0;
  for (std::size_t i = 0; i < 300; ++i) {
    const auto report = model.step(batch);
    REQUIRE(report);
    (i == 0 ? first : last) = report->bits();
  }
  CHECK(first > 3.0);  // log2 11 = 3.46
  CHECK(last < 0.05);
}

TEST_CASE("model: a trace says what the routers did", "[model]") {
  ModelConfig config = stateful_config();
  config.dense_layers = 1;
  config.layers = 3;
  Model model = made(config);
  train(model, 3);
  Sample sample({2, 9, TokenOrder::batch_major}, config.vocab);
  sample.valid.assign(18, 1);
  sample.valid[8] = 0;
  const auto trace = model.observe(sample.batch(), {.mode = Mode::eval, .seed = 1});
  REQUIRE(trace);
  REQUIRE(trace->layers.size() == 2);
  CHECK(raw(trace->layers[0].index) == 1);
  CHECK(trace->stage == Stage::dispatched);
  CHECK(std::isnan(trace->log_probs[0]));
  CHECK(std::isnan(trace->log_probs[8]));  // padding
  CHECK(std::isnan(trace->log_probs[9]));  // second row's first column
  CHECK(trace->log_probs[1] < 0.0);
  const auto& layer = trace->layers[0];
  REQUIRE(layer.bias.size() == config.experts);
  for (std::size_t t = 0; t < 18; ++t) {
    double sum = 0.0;
    for (std::size_t e = 0; e < config.experts; ++e) {
      const float gate = layer.gates[t * config.experts + e];
      CHECK((gate != 0.0F) == (layer.mask(t, e) != 0));
      sum += static_cast<double>(gate);
    }
    CHECK(sum == Approx(t == 8 ? 0.0 : 1.0));
  }
}

TEST_CASE("model: the gate never sees the selection bias", "[model]") {
  Model model = made(stateful_config());
  const Sample sample({2, 9, TokenOrder::batch_major}, 11);
  const auto observe = [&](Value::Array bias) {
    auto rule = make_rule("biased-top-k", {{"k", 2}, {"bias", std::move(bias)}});
    REQUIRE(rule);
    auto trace = model.observe(sample.batch(), {.mode = Mode::train, .seed = 0, .rule = rule->get()});
    REQUIRE(trace);
    return std::move(*trace);
  };
  // A bias that forces experts 0 and 1 on every token: the gates are their own scores, renormalised.
  const auto layer = observe({9.0, 9.0, 0.0, 0.0, 0.0}).layers[0];
  for (std::size_t t = 0; t < 18; ++t) {
    REQUIRE((layer.mask(t, 0) == 1 && layer.mask(t, 1) == 1));
    const float a = layer.scores[t * 5], b = layer.scores[t * 5 + 1];
    CHECK(layer.gates[t * 5] == Approx(a / (a + b)));
  }
}

TEST_CASE("model: top-k routing is causal to the last bit, expert choice is not", "[model]") {
  const auto prefix_moves = [](const RuleSpec& rule) {
    ModelConfig config = small_config();
    config.router.rule = rule;
    const Model model = made(config);
    Sample base({1, 40, TokenOrder::batch_major}, config.vocab);
    Sample changed = base;
    for (std::size_t t = 25; t < 40; ++t) changed.tokens[t] = (changed.tokens[t] + 1) % 11;
    const auto a = model.observe(base.batch()), b = model.observe(changed.batch());
    REQUIRE((a && b));
    return !std::equal(a->log_probs.begin() + 1, a->log_probs.begin() + 25, b->log_probs.begin() + 1);
  };
  CHECK_FALSE(prefix_moves({"top-k", {{"k", 2}}}));
  CHECK(prefix_moves({"expert-choice", {{"k", 2}}}));
}

TEST_CASE("model: results do not move with a token's place or with what is appended", "[model]") {
  // Widths that are no multiple of a vector: rows start anywhere.
  ModelConfig config = small_config();
  config.router.score = Score::sigmoid;
  config.shared_width = 5;
  config.qk_norm = QkNorm::per_head;
  const Model model = made(config);
  const std::size_t positions = 71, longer = 83;
  const Sample sample({3, longer, TokenOrder::batch_major}, config.vocab);
  const auto observe = [&](std::vector<std::size_t> rows, std::size_t length) {
    std::vector<std::int64_t> tokens;
    for (const std::size_t row : rows)
      tokens.insert(tokens.end(), sample.tokens.begin() + static_cast<std::ptrdiff_t>(row * longer),
                    sample.tokens.begin() + static_cast<std::ptrdiff_t>(row * longer + length));
    auto trace = model.observe({{rows.size(), length, TokenOrder::batch_major}, tokens, {}});
    REQUIRE(trace);
    return std::move(*trace);
  };
  const TraceData base = observe({0, 1, 2}, positions), turned = observe({2, 0, 1}, positions);
  const TraceData alone = observe({1}, positions), extended = observe({0, 1, 2}, longer);
  for (std::size_t s = 1; s < positions; ++s) {
    const double expected = base.log_probs[positions + s];
    CHECK(turned.log_probs[2 * positions + s] == expected);
    CHECK(alone.log_probs[s] == expected);
    CHECK(extended.log_probs[longer + s] == expected);
  }
}

TEST_CASE("model: state that moves before use makes the batch route itself", "[model]") {
  for (const Score score : {Score::sigmoid, Score::cosine}) {
    const auto scores_differ = [&](StateUpdate update) {
      ModelConfig config = small_config();
      config.layers = 1;
      config.router.score = score;
      config.router.centroid_rate = 0.5;
      if (score == Score::cosine) config.router.gate = Gate::softmax;
      config.router.update = update;
      config.router.rule = score == Score::cosine
                               ? RuleSpec{"top-k", {{"k", 2}}}
                               : RuleSpec{"biased-top-k", {{"k", 2}, {"update_rate", 0.3}}};
      const Model model = made(config);
      Sample base({1, 40, TokenOrder::batch_major}, config.vocab);
      Sample changed = base;
      for (std::size_t t = 25; t < 40; ++t) changed.tokens[t] = 3;
      const auto a = model.observe(base.batch()), b = model.observe(changed.batch());
      REQUIRE((a && b));
      bool differ = false;
      for (std::size_t t = 0; t < 25; ++t) {
        for (std::size_t e = 0; e < config.experts; ++e)
          differ |= a->layers[0].mask(t, e) != b->layers[0].mask(t, e);
      }
      return differ;
    };
    CHECK_FALSE(scores_differ(StateUpdate::after_use));
    CHECK(scores_differ(StateUpdate::before_use));
  }
}

TEST_CASE("model: what a batch may not be", "[model]") {
  Model model = made(small_config());
  Sample sample({1, 4, TokenOrder::batch_major}, 11);
  sample.tokens[2] = 11;
  CHECK_FALSE(model.step(sample.batch()));
  sample.tokens[2] = -1;
  CHECK_FALSE(model.step(sample.batch()));
  sample.tokens.pop_back();
  CHECK_FALSE(model.step(sample.batch()));
  CHECK_FALSE(model.step({}));
  CHECK(model.steps_done() == 0);
}

TEST_CASE("model: Hugging Face export refuses what no architecture says", "[model]") {
  const Directory directory;
  const auto refused = [&](const std::function<void(ModelConfig&)>& change) {
    ModelConfig config = small_config();
    change(config);
    const auto saved = save_hugging_face(made(config), directory.path / "hf");
    return !saved && saved.error().kind == Error::Kind::usage;
  };
  CHECK_FALSE(refused([](ModelConfig&) {}));
  CHECK(refused([](ModelConfig& c) { c.router.rule = {"expert-choice", {{"k", 2}}}; }));
  CHECK(refused([](ModelConfig& c) { c.router.rule = {"biased-top-k", {{"k", 2}}}; }));
  CHECK(refused([](ModelConfig& c) { c.router.score = Score::autonomy; }));
  CHECK(refused([](ModelConfig& c) { c.shared_width = 7; }));
}

}  // namespace pastonly::model

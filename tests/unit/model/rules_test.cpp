// Every rule of the table: a short training under it, and what its trace says.
#include <algorithm>
#include <cmath>
#include <map>
#include <string>

#include "catch.h"
#include "model/model.h"
#include "unit/model/sample.h"

namespace pastonly::model {
namespace {

RouterConfig router(RuleSpec rule, Score score = Score::softmax, Gate gate = Gate::renormalised) {
  RouterConfig config;
  config.rule = std::move(rule);
  config.score = score;
  config.gate = gate;
  return config;
}

/// A way to train under every rule; a rule without a line here fails the test.
std::map<std::string, RouterConfig> routers() {
  const Parameters capacity{{"k", 2}, {"capacity_factor", 1.0}};
  std::map<std::string, RouterConfig> all;
  for (const char* id :
       {"top-k", "biased-top-k(same-batch)", "quantile-balancing", "assignment", "sinkhorn", "hash",
        "expert-choice(streaming)", "biased-top-k(prefix)", "sequence-top-k", "sequence-top-k(streaming)"})
    all[id] = router({id, {{"k", 2}}});
  all["assignment"].rule.parameters = {};
  for (const char* id :
       {"token-major-capacity", "gshard-top-2", "gshard-top-2(random-second)", "batch-priority",
        "drop-by-score", "random-token", "unstable-capacity", "next-choice", "rank-capacity"})
    all[id] = router({id, capacity});
  all["biased-top-k"] = router({"biased-top-k", {{"k", 2}, {"update_rate", 0.01}}}, Score::sigmoid);
  all["group-limited-top-k"] = router({"group-limited-top-k", {{"k", 2}, {"groups", 3}, {"topk_groups", 2}}});
  all["noisy-top-k"] = router({"noisy-top-k", {{"k", 2}}}, Score::noisy);
  all["switch-capacity"] = router({"switch-capacity", {{"capacity_factor", 1.0}}}, Score::softmax, Gate::raw);
  all["fixed-capacity"] = router({"fixed-capacity", {{"k", 2}, {"capacity", 5}}});
  for (const char* id : {"expert-choice", "expert-choice(shuffled)"})
    all[id] = router({id, {{"k", 2}, {"chunk", 8}}}, Score::softmax, Gate::raw);
  all["expert-threshold"] = router({"expert-threshold", {{"thresholds", 0.5}}}, Score::sigmoid, Gate::raw);
  all["mixture-of-depths"] =
      router({"mixture-of-depths", {{"capacity_factor", 0.5}}}, Score::sigmoid, Gate::raw);
  all["mixture-of-depths(predictor)"] =
      router({"mixture-of-depths(predictor)", {{"threshold", 0.5}}}, Score::sigmoid, Gate::raw);
  all["column-normalised-gate"] =
      router({"column-normalised-gate", {{"k", 2}}}, Score::softmax, Gate::column_normalised);
  all["soft-moe"] = router({"soft-moe", {}}, Score::softmax, Gate::raw);
  all["k-means"] = router({"k-means", {{"k", 2}}}, Score::cosine, Gate::softmax);
  all["k-means(same-batch)"] = router({"k-means(same-batch)", {{"k", 2}}}, Score::cosine, Gate::softmax);
  all["k-means(same-batch)"].update = StateUpdate::before_use;
  all["expert-autonomy"] = router({"expert-autonomy", {{"k", 2}}}, Score::autonomy, Gate::softmax);
  return all;
}

}  // namespace

TEST_CASE("every rule of the table trains", "[model][rules]") {
  const auto all = routers();
  for (const RuleInfo& info : routing_rules()) {
    INFO(info.id);
    const auto found = all.find(std::string(info.id));
    REQUIRE(found != all.end());
    ModelConfig config = small_config();
    config.experts = 6;
    config.init_std = 0.1;
    config.router = found->second;
    TrainingConfig training;
    training.learning_rate = 1e-2;
    training.warmup = 5;
    training.steps = 60;
    auto model = Model::create(config, training, 3);
    if (!model) INFO(model.error().message);
    REQUIRE(model);
    std::vector<std::int64_t> tokens(4 * 16);
    for (std::size_t t = 0; t < tokens.size(); ++t)
      tokens[t] = static_cast<std::int64_t>((t / 16 + 3 * (t % 16)) % config.vocab);
    const Batch batch{{4, 16, TokenOrder::batch_major}, tokens, {}};
    double first = 0.0, last = 0.0;
    for (std::size_t i = 0; i < training.steps; ++i) {
      const auto report = model->step(batch);
      REQUIRE(report);
      REQUIRE(std::isfinite(report->gradient_norm));
      (i == 0 ? first : last) = report->bits();
    }
    CHECK(last < 0.5 * first);
    const auto trace = model->observe(batch, {.mode = Mode::train, .seed = 9});
    REQUIRE(trace);
    std::size_t routed = 0;
    for (std::size_t t = 0; t < tokens.size(); ++t) {
      for (std::size_t e = 0; e < config.experts; ++e) routed += trace->layers[0].mask(t, e);
    }
    CHECK(routed > 0);
    CHECK(trace->rule.find(std::string(info.id)) != std::string::npos);
  }
}

TEST_CASE("rules that say more than a selection refuse a router that does not fit", "[model][rules]") {
  const auto refused = [](const RouterConfig& router_config, std::string_view word) {
    ModelConfig config = small_config();
    config.router = router_config;
    const auto model = Model::create(config, {}, 1);
    return !model && model.error().kind == Error::Kind::usage &&
           model.error().message.find(word) != std::string::npos;
  };
  CHECK(refused(router({"k-means", {{"k", 2}}}), "cosine"));
  CHECK(refused(router({"k-means(same-batch)", {{"k", 2}}}, Score::cosine, Gate::softmax), "before_use"));
  CHECK(refused(router({"top-k", {{"k", 2}}}, Score::cosine), "gate softmax"));
  CHECK(refused(router({"expert-autonomy", {{"k", 2}}}), "autonomy"));
  CHECK(refused(router({"column-normalised-gate", {{"k", 2}}}), "column_normalised"));
  CHECK(refused(router({"top-k", {{"k", 2}, {"q", 2}}}), "q"));
  ModelConfig huge = small_config();
  huge.width = huge.vocab = std::size_t{1} << 24;
  CHECK_FALSE(Model::create(huge, {}, 1));
}

TEST_CASE("a trace's scores carry no noise, and its rule says that selection had some", "[model][rules]") {
  ModelConfig config = small_config();
  config.router = router({"noisy-top-k", {{"k", 2}}}, Score::noisy);
  const auto model = Model::create(config, {}, 1);
  REQUIRE(model);
  const Sample sample({2, 20, TokenOrder::batch_major}, config.vocab);
  const auto a = model->observe(sample.batch(), {.mode = Mode::train, .seed = 1});
  const auto b = model->observe(sample.batch(), {.mode = Mode::train, .seed = 2});
  const auto quiet = model->observe(sample.batch(), {.mode = Mode::eval, .seed = 2});
  REQUIRE((a && b && quiet));
  CHECK(a->layers[0].scores == b->layers[0].scores);
  CHECK(a->layers[0].mask != b->layers[0].mask);
  CHECK(a->rule.find("noisy-top-k") != std::string::npos);
  CHECK(quiet->rule.find("noisy-top-k") == std::string::npos);
}

}  // namespace pastonly::model

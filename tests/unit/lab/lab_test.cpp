#include "lab/lab.h"

#include <atomic>
#include <cmath>
#include <fstream>
#include <numbers>

#include "catch.h"
#include "input/files/directory_lock.h"
#include "input/files/hash.h"
#include "lab/arm_report.h"
#include "lab/store.h"
#include "pastonly/router_figures.h"
#include "stats/e_process.h"
#include "stats/mean_interval.h"
#include "stats/random.h"
#include "unit/input/temporary_directory.h"

namespace pastonly::lab {
namespace {

Experiment tiny(const std::string& arms = R"([
    {"name": "ec", "rule": "expert-choice,k=2,chunk=4", "training": {"steps": 12}},
    {"name": "ec, shuffled", "rule": "expert-choice,k=2,chunk=4", "shuffle": true},
    {"name": "bias", "rule": "biased-top-k,k=2,update_rate=0.01", "drop_rate": 0.2},
    {"name": "noisy", "rule": "noisy-top-k,k=2", "router": {"score": "noisy"}}])",
                const std::string& source = R"("uniform:8")") {
  auto parsed =
      parse_experiment(R"({"schema": "pastonly.experiment/1", "name": "tiny", "source": )" + source + R"(,
      "batch": {"sequences": 3, "positions": 16}, "training": {"steps": 9, "warmup": 2},
      "evaluation": {"batches": 3, "streaming_batches": 2},
      "model": {"layers": 2, "width": 16, "heads": 2, "kv_heads": 2, "head_width": 8, "experts": 4,
                "expert_width": 8}, "arms": )" +
                           arms + "}",
                       "tiny.json");
  if (!parsed) FAIL(parsed.error().message);
  return *std::move(parsed);
}

Report::Experiment completed(const Experiment& experiment, const std::filesystem::path& directory,
                             unsigned threads = 1) {
  LabOptions options;
  options.directory = directory;
  options.threads = threads;
  auto report = run(experiment, options);
  if (!report) FAIL(report.error().message);
  return *std::move(report);
}

/// Asks to stop after ever more questions, `steps` at first, until the run completes.
Report::Experiment interrupted_often(const Experiment& experiment, const std::filesystem::path& directory,
                                     int steps) {
  for (int attempt = 0; attempt < 200; ++attempt) {
    std::atomic<int> left = steps + attempt;
    LabOptions options;
    options.directory = directory;
    options.watch.stop = [&] { return left-- <= 0; };
    auto report = run(experiment, options);
    if (report) return *std::move(report);
    REQUIRE(report.error().kind == Error::Kind::interrupted);
  }
  FAIL("never completes");
  return {};
}

/// All of them in one list.
std::vector<double> figures(const Report::Experiment::Routers& routers) {
  std::vector<double> out;
  for (const auto& point : routers.training) {
    out.push_back(static_cast<double>(point.step));
    for (const auto& [key, member] : point_figures) out.push_back(point.*member);
  }
  for (const auto& layer : routers.fixation) {
    out.push_back(static_cast<double>(layer.settled));
    for (const auto& [step, agreement] : layer.agreement) out.push_back(agreement);
  }
  for (const auto& layer : routers.frozen) {
    for (const auto& [key, member] : frozen_figures) out.push_back((layer.*member).value_or(-9.0));
  }
  return out;
}

void check_equal(const Report::Experiment& a, const Report::Experiment& b) {
  REQUIRE(a.arms.size() == b.arms.size());
  for (std::size_t i = 0; i < a.arms.size(); ++i) {
    INFO(a.arms[i].name);
    CHECK(a.arms[i].weights == b.arms[i].weights);
    CHECK(a.arms[i].evaluation_seed == b.arms[i].evaluation_seed);
    CHECK(a.arms[i].loss_bits == b.arms[i].loss_bits);
    CHECK(a.arms[i].log2_e_value == b.arms[i].log2_e_value);
    CHECK(a.arms[i].evaluated.streaming == b.arms[i].evaluated.streaming);
    CHECK(a.arms[i].evaluated.shuffled == b.arms[i].evaluated.shuffled);
    CHECK(a.arms[i].evaluated.top_k == b.arms[i].evaluated.top_k);
    CHECK(a.arms[i].curve == b.arms[i].curve);
    CHECK(figures(a.arms[i].routers) == figures(b.arms[i].routers));
  }
}

}  // namespace

TEST_CASE("an experiment's result is the same interrupted, in parallel and again", "[lab]") {
  const TemporaryDirectory directory;
  const Experiment experiment = tiny();
  const auto whole = completed(experiment, directory.path() / "whole");
  check_equal(whole, interrupted_often(experiment, directory.path() / "cut", 7));
  check_equal(whole, completed(experiment, directory.path() / "parallel", 3));
  check_equal(whole, completed(experiment, directory.path() / "whole"));
  CHECK(whole.source.floor_bits == Approx(3.0));
  CHECK(whole.arms[0].steps == 12);
  CHECK(whole.arms[1].steps == 9);
  CHECK(whole.arms[1].shuffled);
  CHECK(whole.arms[0].chunk == 4U);
  CHECK_FALSE(whole.arms[2].chunk);
  CHECK(whole.arms[0].tokens == 3 * 3 * 15);
  CHECK(whole.arms[0].streaming_tokens == 2 * 3 * 15);
  for (const auto& arm : whole.arms) {
    CHECK(std::isfinite(arm.loss_bits));
    CHECK(arm.lower <= arm.loss_bits);
    CHECK(arm.evaluated.streaming);
    CHECK(arm.evaluated.top_k);
    CHECK(*arm.leak_bits == Approx(3.0 - arm.loss_bits).margin(1e-9));
  }
}

TEST_CASE("what is measured on the way moves no bit of the training", "[lab]") {
  const TemporaryDirectory directory;
  const Experiment experiment = tiny();
  const auto report = completed(experiment, directory.path());
  const auto corpus = Corpus::open(experiment.tokens, experiment.batch.positions);
  REQUIRE(corpus);
  for (std::size_t i : {std::size_t{0}, std::size_t{3}}) {  // the arms without wrappers
    const Arm& arm = experiment.arms[i];
    const auto trained = open_arm(experiment, arm, directory.path());
    REQUIRE(trained);
    auto alone = model::Model::create(arm.model, arm.training, arm.seed);
    REQUIRE(alone);
    std::vector<std::int64_t> tokens;
    for (std::size_t step = 0; step < arm.training.steps; ++step) {
      const auto seed = stats::CounterRng(arm.seed, 0x4C41'4200'0000'0000ULL + step).bits64();
      REQUIRE(corpus->draw(Corpus::Part::training, seed, experiment.batch, tokens));
      REQUIRE(alone->step({experiment.batch, tokens, {}}));
    }
    const auto &a = (*trained)->model().network(), &b = alone->network();
    for (std::size_t id = 0; id < a.table().tensors.size(); ++id)
      CHECK(std::equal(a.parameters().data(id), a.parameters().data(id) + a.table()[id].size(),
                       b.parameters().data(id)));
    const auto& routers = report.arms[i].routers;
    CHECK(routers.training.size() == arm.training.steps + 1);
    CHECK(routers.training.back().absolute_cosine == model::measure_routers(a)->absolute_cosine);
    CHECK(routers.fixation.size() == 2);
    CHECK(routers.frozen.size() == 2);
  }
}

TEST_CASE("half-written and foreign files are never taken for an arm's own", "[lab]") {
  const TemporaryDirectory directory;
  const Experiment experiment = tiny(R"([{"name": "ec", "rule": "expert-choice,k=2,chunk=4"}])");
  const auto whole = completed(experiment, directory.path());
  const ArmStore store(directory.path(), arm_key(experiment, experiment.arms[0]));
  const auto folder = store.state().parent_path();
  const auto damage = [&](const char* name, auto change) {
    std::ifstream in(folder / name, std::ios::binary);
    std::string bytes((std::istreambuf_iterator<char>(in)), {});
    change(bytes);
    std::ofstream(folder / name, std::ios::binary) << bytes;
  };
  const auto half = [](std::string& bytes) { bytes.resize(bytes.size() / 2); };
  for (const char* name : {"result.json", "training.json", "state.safetensors"}) {
    INFO(name);
    damage(name, half);
    if (std::string(name) == "state.safetensors") damage("result.json", half);
    check_equal(whole, completed(experiment, directory.path()));
  }
  // Another arm's record under this arm's name.
  damage("result.json",
         [](std::string& bytes) { bytes.replace(bytes.find("pastonly.arm/1"), 14, "pastonly.arm/0"); });
  CHECK_FALSE(store.read_result());
  check_equal(whole, completed(experiment, directory.path()));
  // A changed experiment finds nothing of the old one.
  const Experiment changed = tiny(R"([{"name": "ec", "rule": "expert-choice,k=2,chunk=8"}])");
  CHECK(completed(changed, directory.path()).arms[0].weights != whole.arms[0].weights);
  check_equal(whole, completed(experiment, directory.path()));
}

TEST_CASE("two processes do not work in one directory", "[lab]") {
  const TemporaryDirectory directory;
  const auto held = input::DirectoryLock::take(directory.path());
  REQUIRE(held);
  LabOptions options;
  options.directory = directory.path();
  const auto refused = run(tiny(), options);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.find("another pastonly works") != std::string::npos);
}

TEST_CASE("the evaluation's figures are those of the tokens that its seed draws", "[lab]") {
  const TemporaryDirectory directory;
  for (const std::string source : {R"("uniform:8")", R"("markov:vocab=8,order=2,seed=3")"}) {
    INFO(source);
    const Experiment experiment = tiny(R"([{"name": "ec", "rule": "expert-choice,k=2,chunk=4"}])", source);
    const auto report = completed(experiment, directory.path());
    const auto& arm = report.arms[0];
    auto opened = open_arm(experiment, experiment.arms[0], directory.path());
    REQUIRE(opened);
    const ArmStore store(directory.path(), arm_key(experiment, experiment.arms[0]));
    CHECK(arm.weights == *input::sha256_file(store.state()));
    const auto tokens_source = stats::TokenSource::make(*experiment.tokens.source);
    CHECK(report.source.floor_bits == Approx(tokens_source->entropy_bits(16)));
    double log2_e = 0.0, gain = 0.0;
    std::vector<double> losses;
    for (std::size_t b = 0; b < 3; ++b) {
      std::vector<std::int64_t> tokens;
      tokens_source->draw(stats::CounterRng(arm.evaluation_seed, b).bits64(), 3, 16, tokens);
      const auto trace = (*opened)->model().observe({experiment.batch, tokens, {}});
      REQUIRE(trace);
      std::vector<double> rows;
      double loss = 0.0;
      for (std::size_t row = 0; row < 3; ++row) {
        double ratio = 0.0;
        for (std::size_t s = 1; s < 16; ++s) {
          const double q = trace->log_probs[row * 16 + s] / std::numbers::ln2;
          const auto past = std::span(tokens).subspan(row * 16, s);
          ratio += q - tokens_source->log2_probability(past, tokens[row * 16 + s]);
          loss -= q / 45.0;
        }
        rows.push_back(ratio);
        gain += ratio / 135.0;
      }
      losses.push_back(loss);
      log2_e += stats::log2_mean(rows);
    }
    CHECK(arm.loss_bits == Approx((losses[0] + losses[1] + losses[2]) / 3.0));
    CHECK(*arm.log2_e_value == Approx(log2_e));
    CHECK(*arm.leak_bits == Approx(gain));
    CHECK(arm.upper == Approx(stats::mean_interval(losses, 0.05)->upper));
  }
}

TEST_CASE("texts train without a floor, on one part and evaluated on another", "[lab]") {
  const TemporaryDirectory directory;
  std::string text;
  for (int i = 0; i < 400; ++i) text += "to be or not to be. ";
  const auto path = directory.write("text", text);
  const Experiment experiment = tiny(R"([{"name": "top", "rule": "top-k,k=2"}])",
                                     R"({"format": "bytes", "file": ")" + path.string() + R"("})");
  const auto report = completed(experiment, directory.path() / "out");
  CHECK_FALSE(report.source.floor_bits);
  CHECK(report.source.kind == "bytes");
  CHECK_FALSE(report.arms[0].leak_bits);
  CHECK_FALSE(report.arms[0].log2_e_value);
  CHECK(report.arms[0].loss_bits < 8.0);
  CHECK(report.arms[0].evaluated.streaming == Approx(report.arms[0].evaluated.in_order).margin(0.3));
}

TEST_CASE("the loss curve averages what lies between its points", "[lab]") {
  CHECK(curve_of({}, 3).empty());
  const auto curve = curve_of({1.0, 3.0, 5.0, 7.0, 10.0}, 3);
  REQUIRE(curve.size() == 3);
  CHECK(curve[0] == std::pair<std::uint64_t, double>{2, 2.0});
  CHECK(curve[1] == std::pair<std::uint64_t, double>{4, 6.0});
  CHECK(curve[2] == std::pair<std::uint64_t, double>{5, 10.0});
}

}  // namespace pastonly::lab

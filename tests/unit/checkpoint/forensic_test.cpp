#include <cstdint>
#include <string_view>

#include "checkpoint/runnable.h"
#include "input/policy/policy.h"
#include "run/audit.h"
#include "subjects/token_draws.h"
#include "trained_model.h"
#include "unit/checkpoint/exported.h"

namespace pastonly::checkpoint {
namespace {

constexpr Layout usual{8, 32};

/// Trained on uniform tokens under a rule and saved in OLMoE's layout, whose files declare a plain top-k.
void train_and_save(std::string_view rule, std::uint64_t seed, const std::filesystem::path& directory,
                    const Layout& layout = usual, std::size_t steps = 300) {
  auto config = pastonly::small_config(rule);
  config.qk_norm = model::QkNorm::whole;
  const auto model = trained_model(config, uniform_source(16), layout, steps, seed);
  const auto saved = model::save_hugging_face(model, directory, 2);
  if (!saved) FAIL(saved.error().message);
}

Report audited(const std::filesystem::path& directory, const std::optional<RuleSpec>& rule,
               const std::vector<std::string>& checks, const Layout& layout = usual) {
  const auto checkpoint = opened(directory, rule);
  const auto draw = subjects::draws_from(Source{"uniform", 16});
  REQUIRE(draw.has_value());
  subjects::LiveOptions live;
  live.kind = "checkpoint";
  live.layout = layout;
  live.mode = rule ? Mode::train : Mode::eval;
  live.budget = 1 << 16;
  auto subject = subjects::make_live(checkpoint::make_runnable(checkpoint), *draw, live);
  if (!subject) FAIL(subject.error().message);
  auto policy = input::read_policy("ci", "2026-01-01");
  REQUIRE(policy.has_value());
  run::AuditOptions options;
  options.checks = checks;
  auto report = run::audit(**subject, *policy, options);
  if (!report) FAIL(report.error().message);
  return std::move(*report);
}

const Report::Finding* finding(const Report& report, std::string_view check) {
  for (const auto& one : report.findings) {
    if (one.check == check && one.severity == Severity::error) return &one;
  }
  return nullptr;
}

double measured(const Report& report, std::string_view name) {
  for (const auto& check : report.checks) {
    for (const auto& one : check.measurements) {
      if (one.name == name) return one.value;
    }
  }
  FAIL("not measured: " << name);
  return 0.0;
}

const RuleSpec chunked{"expert-choice", {{"k", 2}, {"chunk", 8}}};

}  // namespace

TEST_CASE("a checkpoint trained under expert choice is caught from its weights", "[checkpoint][forensic]") {
  const TemporaryDirectory directory;
  train_and_save("expert-choice,k=2,chunk=8", 1, directory.path());
  const auto given = audited(directory.path(), chunked, {"causal-mask", "token-shuffle", "forensic-sweep"});
  CHECK(given.verdict == Verdict::fail);
  CHECK(finding(given, "causal-mask") != nullptr);
  CHECK(finding(given, "forensic-sweep") != nullptr);
  CHECK(measured(given, "reliance") > 0.02);
  // Nobody tells the rule: config.json declares top-k, and its interventions find nothing.
  const auto alone = audited(directory.path(), std::nullopt, {"causal-mask", "forensic-sweep"});
  CHECK(finding(alone, "causal-mask") == nullptr);
  const auto* found = finding(alone, "forensic-sweep");
  REQUIRE(found != nullptr);
  INFO(found->message);
  CHECK(found->message.find("expert-choice,k=2,chunk=") != std::string::npos);
  CHECK(alone.verdict == Verdict::fail);
  CHECK(measured(alone, "loss[expert-choice,k=2,chunk=8]") < 4.0);
  CHECK(measured(alone, "drop_below_company") > 0.02);
  CHECK(measured(alone, "loss_causal") > 4.0);
}

TEST_CASE("a checkpoint trained with drops by score in every sequence is caught as well",
          "[checkpoint][forensic]") {
  const TemporaryDirectory directory;
  constexpr Layout rows{16, 16};
  train_and_save("drop-by-score,k=2,capacity_factor=1,scope=sequence", 1, directory.path(), rows, 1500);
  const auto report = audited(directory.path(), std::nullopt, {"causal-mask", "forensic-sweep"}, rows);
  const auto* found = finding(report, "forensic-sweep");
  REQUIRE(found != nullptr);
  INFO(found->message);
  // Neighbours of the rule, expert choice among them, read the same: any may come first.
  CHECK(measured(report, "loss[drop-by-score,k=2,capacity_factor=1,scope=sequence]") < 4.0);
  CHECK(measured(report, "drop_below_company") > 0.01);
}

TEST_CASE("its twins trained under causal rules pass both ways", "[checkpoint][forensic]") {
  for (const std::string_view rule : {"top-k,k=2", "biased-top-k,k=2,update_rate=0.01"}) {
    for (const std::uint64_t seed : {1, 2}) {
      INFO(rule << ", seed " << seed);
      const TemporaryDirectory directory;
      train_and_save(rule, seed, directory.path());
      const auto given = audited(directory.path(), RuleSpec{"top-k", {{"k", 2}}}, {});
      CHECK(given.verdict == Verdict::pass);
      const auto alone = audited(directory.path(), std::nullopt, {"causal-mask", "forensic-sweep"});
      for (const auto& one : alone.findings) CHECK(one.severity == Severity::note);
      CHECK(alone.verdict == Verdict::pass);
    }
  }
}

TEST_CASE("against a causal twin the used leak is measured", "[checkpoint][forensic]") {
  const TemporaryDirectory leaky, causal;
  train_and_save("expert-choice,k=2,chunk=8", 1, leaky.path());
  train_and_save("top-k,k=2", 1, causal.path());
  const auto causal_baseline = opened(causal.path());
  const auto against_twin = [&](const std::filesystem::path& directory, const std::optional<RuleSpec>& rule) {
    const auto checkpoint = opened(directory, rule);
    const auto draw = subjects::draws_from(Source{"uniform", 16});
    REQUIRE(draw.has_value());
    subjects::LiveOptions live;
    live.layout = usual;
    live.budget = 1 << 16;
    auto other = subjects::make_live(checkpoint::make_runnable(causal_baseline), *draw, live);
    REQUIRE(other.has_value());
    live.causal_baseline = *std::move(other);
    auto subject = subjects::make_live(checkpoint::make_runnable(checkpoint), *draw, live);
    REQUIRE(subject.has_value());
    run::AuditOptions options;
    options.checks = {"loss-anomaly"};
    auto policy = input::read_policy("ci", "2026-01-01");
    REQUIRE(policy.has_value());
    auto report = run::audit(**subject, *policy, options);
    REQUIRE(report.has_value());
    return std::move(*report);
  };
  const auto report = against_twin(leaky.path(), chunked);
  // On uniform tokens the source says what the twin can know at best.
  CHECK(measured(report, "twin_gap") > 0.02);
  CHECK(measured(report, "loss_twin") == Approx(4.0).margin(0.05));
  CHECK(measured(report, "twin_gap") ==
        Approx(measured(report, "loss_twin") - measured(report, "loss_in_order")).margin(0.05));
  CHECK(measured(against_twin(causal.path(), std::nullopt), "twin_gap") == 0.0);
}

TEST_CASE("an untrained checkpoint is not accused by the sweep", "[checkpoint][forensic]") {
  for (const std::uint64_t seed : {1, 2, 3, 4}) {
    const TemporaryDirectory directory;
    auto config = pastonly::small_config("top-k,k=2");
    config.qk_norm = model::QkNorm::whole;
    const auto saved = model::save_hugging_face(small_model(config, seed), directory.path());
    REQUIRE(saved.has_value());
    const auto report = audited(directory.path(), std::nullopt, {"causal-mask", "forensic-sweep"});
    INFO("seed " << seed);
    CHECK(finding(report, "forensic-sweep") == nullptr);
  }
}

}  // namespace pastonly::checkpoint

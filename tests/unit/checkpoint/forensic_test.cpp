#include <cstdint>
#include <string_view>

#include "input/policy.h"
#include "run/audit.h"
#include "subject/token_draws.h"
#include "trained_model.h"
#include "unit/checkpoint/exported.h"

namespace pastonly::checkpoint {
namespace {

constexpr Layout layout{8, 32};

/// Trained on uniform tokens under a rule and saved in OLMoE's layout, whose files declare a plain top-k.
void train_and_save(std::string_view rule, std::uint64_t seed, const std::filesystem::path& directory) {
  auto config = pastonly::small_config(rule);
  config.qk_norm = model::QkNorm::whole;
  const auto model = trained_model(config, uniform_source(16), layout, 300, seed);
  const auto saved = model::save_hugging_face(model, directory, 2);
  if (!saved) FAIL(saved.error().message);
}

Report audited(const std::filesystem::path& directory, const std::optional<RuleSpec>& rule,
               const std::vector<std::string>& checks) {
  const auto checkpoint = opened(directory, rule);
  const auto draw = draws_from(Source{"uniform", 16});
  REQUIRE(draw.has_value());
  LiveOptions live;
  live.kind = "checkpoint";
  live.layout = layout;
  live.mode = rule ? Mode::train : Mode::eval;
  live.budget = 1 << 15;
  auto subject = make_live(freeze(checkpoint), *draw, live);
  if (!subject) FAIL(subject.error().message);
  auto policy = input::read_policy("ci", "2026-01-01");
  REQUIRE(policy.has_value());
  AuditOptions options;
  options.checks = checks;
  auto report = audit(**subject, *policy, options);
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
  const auto told = audited(directory.path(), chunked, {"causal-mask", "token-shuffle", "forensic-sweep"});
  CHECK(told.verdict == Verdict::fail);
  CHECK(finding(told, "causal-mask") != nullptr);
  CHECK(finding(told, "forensic-sweep") != nullptr);
  CHECK(measured(told, "reliance") > 0.02);
  // Nobody tells the rule: config.json declares top-k, and its interventions find nothing.
  const auto alone = audited(directory.path(), std::nullopt, {"causal-mask", "forensic-sweep"});
  CHECK(finding(alone, "causal-mask") == nullptr);
  const auto* found = finding(alone, "forensic-sweep");
  REQUIRE(found != nullptr);
  INFO(found->message);
  CHECK(found->message.find("expert-choice,k=2,chunk=") != std::string::npos);
  CHECK(alone.verdict == Verdict::fail);
  CHECK(measured(alone, "loss[expert-choice,k=2,chunk=8]") < 4.0);
  CHECK(measured(alone, "loss_causal") > 4.0);
}

TEST_CASE("its twins trained under causal rules pass both ways", "[checkpoint][forensic]") {
  for (const std::string_view rule : {"top-k,k=2", "biased-top-k,k=2,update_rate=0.01"}) {
    for (const std::uint64_t seed : {1, 2}) {
      INFO(rule << ", seed " << seed);
      const TemporaryDirectory directory;
      train_and_save(rule, seed, directory.path());
      const auto told = audited(directory.path(), RuleSpec{"top-k", {{"k", 2}}}, {});
      CHECK(told.verdict == Verdict::pass);
      const auto alone = audited(directory.path(), std::nullopt, {"causal-mask", "forensic-sweep"});
      for (const auto& one : alone.findings) CHECK(one.severity == Severity::note);
      CHECK(alone.verdict == Verdict::pass);
    }
  }
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

TEST_CASE("how often the sweep accuses", "[.rates][forensic]") {
  constexpr std::uint64_t seeds = 40;
  for (const std::string_view rule : {"top-k,k=2", "biased-top-k,k=2,update_rate=0.01",
                                      "expert-choice,k=2,chunk=8", "expert-choice,k=2,chunk=16"}) {
    std::size_t accused = 0;
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
      const TemporaryDirectory directory;
      train_and_save(rule, seed, directory.path());
      const auto report = audited(directory.path(), std::nullopt, {"causal-mask", "forensic-sweep"});
      accused += finding(report, "forensic-sweep") != nullptr ? 1 : 0;
    }
    WARN(rule << ": accused " << accused << " of " << seeds);
    if (rule.starts_with("expert-choice,k=2,chunk=8")) CHECK(accused > seeds / 2);
    if (!rule.starts_with("expert-choice")) CHECK(accused <= seeds / 10);
  }
}

}  // namespace pastonly::checkpoint

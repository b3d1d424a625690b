#include "audit_model.h"

#include <algorithm>
#include <optional>

#include "input/policy/policy.h"
#include "trained_model.h"

using namespace pastonly;

namespace {

Policy ci() {
  auto policy = input::read_policy("ci", "2026-01-01");
  REQUIRE(policy);
  return *policy;
}

ModelAudit small_audit(const Layout& layout, std::uint64_t seed) {
  ModelAudit options;
  options.live.layout = layout;
  options.live.seed = seed;
  options.live.budget = 1 << 14;
  options.audit.today = "2026-01-01";
  options.audit.seed = seed;
  return options;
}

const Report::Finding* finding(const Report& report, std::string_view check, std::string_view claim) {
  const auto found = std::ranges::find_if(
      report.findings, [&](const auto& f) { return f.check == check && f.claim == claim; });
  return found == report.findings.end() ? nullptr : &*found;
}

std::optional<Measurement> measured(const Report& report, std::string_view check, std::string_view name) {
  for (const auto& entry : report.checks) {
    if (entry.id != check) continue;
    for (const Measurement& one : entry.measurements) {
      if (one.name == name && !one.layer) return one;
    }
  }
  return std::nullopt;
}

}  // namespace

TEST_CASE("a model trained under expert choice is found out", "[audit-model]") {
  const Layout layout{8, 32};
  const auto source = uniform_source(16);
  auto config = small_config("expert-choice,k=2,chunk=8");
  const auto model = trained_model(config, source, layout, 300, 1);
  const auto report = audit_model(model, source, ci(), small_audit(layout, 7));
  REQUIRE(report);
  CHECK(report->verdict == Verdict::fail);
  for (const auto& entry : report->checks) {
    CAPTURE(entry.id, entry.reason);
    CHECK(entry.status != "error");
  }
  CHECK(finding(*report, "causal-mask", "flip") != nullptr);
  CHECK(finding(*report, "loss-anomaly", "used-leak") != nullptr);
  CHECK(finding(*report, "source-floor", "below-entropy") != nullptr);
  const auto leak = measured(*report, "loss-anomaly", "leak_bits");
  const auto loss = measured(*report, "loss-anomaly", "loss_bits");
  const auto reliance = measured(*report, "loss-anomaly", "reliance");
  REQUIRE((leak && loss && reliance));
  CHECK(leak->value + loss->value == Approx(4.0).margin(1e-9));  // uniform: the source loses log2 16
  CHECK(leak->value > 0.02);
  CHECK(*leak->lower > 0.0);
  CHECK(reliance->value > leak->value);
  CHECK(measured(*report, "loss-anomaly", "streaming_gap")->value > 0.0);
}

TEST_CASE("a model trained under top-k passes", "[audit-model]") {
  const Layout layout{8, 32};
  const auto source = uniform_source(16);
  const auto model = trained_model(small_config("top-k,k=2"), source, layout, 300, 1);
  const auto report = audit_model(model, source, ci(), small_audit(layout, 7));
  REQUIRE(report);
  for (const auto& f : report->findings) {
    CAPTURE(f.check, f.claim, f.message);
    CHECK(f.severity == Severity::note);
  }
  CHECK(report->verdict == Verdict::pass);
  CHECK(measured(*report, "loss-anomaly", "leak_bits")->value < 0.01);
  CHECK(measured(*report, "loss-anomaly", "reliance")->value == Approx(0.0).margin(1e-6));
  CHECK(measured(*report, "loss-anomaly", "streaming_gap")->value == Approx(0.0).margin(1e-6));
}

TEST_CASE("a causal model on a Markov source passes, expert choice does not", "[audit-model]") {
  const Layout layout{8, 32};
  const auto source = stats::TokenSource::make(Source{"markov", 16, 1, 4, 3});
  REQUIRE(source);
  const auto causal = trained_model(small_config("top-k,k=2"), *source, layout, 200, 2);
  const auto report = audit_model(causal, *source, ci(), small_audit(layout, 9));
  REQUIRE(report);
  CHECK(report->verdict == Verdict::pass);
  const auto leak = measured(*report, "loss-anomaly", "leak_bits");
  REQUIRE(leak);
  CHECK(leak->value < 0.0);
  CHECK(leak->value > -2.0);
  CHECK(measured(*report, "loss-anomaly", "source_entropy")->value == Approx(source->entropy_bits(32)));
  const auto leaky = trained_model(small_config("expert-choice,k=2,chunk=8"), *source, layout, 200, 2);
  CHECK(audit_model(leaky, *source, ci(), small_audit(layout, 9))->verdict == Verdict::fail);
}

#include "run/baseline.h"

#include "catch.h"
#include "run/fingerprint.h"

using namespace pastonly;

namespace {

constexpr const char* judged_on = "2026-06-15";

Measurement share(double value, std::uint64_t samples) {
  return {"drop_rate", value, std::nullopt, std::nullopt, "fraction of routes", samples, std::nullopt};
}

Measurement bits(double value, double lower, double upper) {
  return {"leak_bits", value, lower, upper, "bits per token", 100, std::nullopt};
}

/// What the report says was found by a check, on these layers.
void add(Report& report, const std::string& check, const std::string& claim,
         std::vector<std::uint32_t> layers, std::optional<Measurement> amount = {}) {
  Report::Finding finding;
  finding.check = check;
  finding.claim = claim;
  finding.severity = Severity::error;
  finding.message = "found";
  finding.layers = std::move(layers);
  finding.amount = std::move(amount);
  finding.fingerprint = run::fingerprint(check, claim, finding.layers, run::rules_of(report, finding.layers),
                                         finding.amount ? run::label_of(finding.amount->name) : "");
  report.findings.push_back(std::move(finding));
}

Report audited(std::vector<std::string> checks = {"rule-identification", "causal-mask", "capacity-drops"}) {
  Report report;
  report.policy.fail_on = Severity::error;
  report.policy.severity = {{"causal-mask", Severity::error},
                            {"capacity-drops", Severity::error},
                            {"same-routes", Severity::error},
                            {"rule-identification", Severity::error}};
  report.policy.min_tokens = 0;
  report.policy.limits.drop_rate = 0.0;
  report.subject.kind = "plan";
  report.subject.mode = "train";
  for (const std::uint32_t index : {0U, 1U, 2U}) {
    Report::Layer layer;
    layer.index = index;
    layer.experts = 8;
    layer.facts.rule = LayerFacts::Rule{index == 2 ? "top-k" : "expert-choice", false, {}, 1.0, {}};
    report.layers.push_back(std::move(layer));
  }
  for (auto& check : checks) report.checks.push_back({check, "ran", "", 0.0, {}, {}});
  return report;
}

Report by(const Report& later, const Report& earlier) {
  const auto judged = run::judge_by_baseline(later, {earlier, "old.json", "hash"}, judged_on);
  REQUIRE(judged);
  return *judged;
}

std::vector<std::string> states(const Report& report) {
  std::vector<std::string> out;
  for (const auto& finding : report.findings)
    out.push_back(finding.standing ? finding.standing->state : "none");
  return out;
}

std::string state_of(const Measurement& then, const Measurement& now) {
  Report earlier = audited(), later = audited();
  add(earlier, "capacity-drops", "used-leak", {}, then);
  add(later, "capacity-drops", "used-leak", {}, now);
  return states(by(later, earlier)).at(0);
}

using States = std::vector<std::string>;

}  // namespace

TEST_CASE("a figure is worse where its interval lies above the old one", "[baseline]") {
  CHECK(state_of(bits(0.3, 0.2, 0.4), bits(0.3, 0.2, 0.4)) == "accepted");
  CHECK(state_of(bits(0.3, 0.2, 0.4), bits(0.5, 0.39, 0.6)) == "accepted");
  CHECK(state_of(bits(0.3, 0.2, 0.4), bits(0.5, 0.41, 0.6)) == "worse");
  CHECK(state_of(bits(0.3, 0.2, 0.4), bits(0.1, 0.05, 0.15)) == "accepted");
  // Shares without an interval get one: 10 of 100 is 4.9% to 17.6%.
  CHECK(state_of(share(0.10, 100), share(0.15, 100)) == "accepted");
  CHECK(state_of(share(0.10, 100), share(0.30, 100)) == "worse");
  CHECK(state_of(share(0.10, 10000), share(0.15, 10000)) == "worse");
}

TEST_CASE("too few samples, another unit or a figure that was not measured accept nothing", "[baseline]") {
  CHECK(state_of(share(0.10, 100), share(0.10, 50)) == "accepted");
  CHECK(state_of(share(0.10, 100), share(0.10, 49)) == "worse");
  Measurement other = share(0.10, 100);
  other.unit = "bits per token";
  CHECK(state_of(share(0.10, 100), other) == "worse");
  other = share(0.10, 100);
  other.name = "another";
  CHECK(state_of(share(0.10, 100), other) == "worse");
}

TEST_CASE("a finding on fewer layers is a part of the old one, on more or by another rule it is new",
          "[baseline]") {
  Report earlier = audited();
  add(earlier, "rule-identification", "leaky-rule", {0, 1});
  const auto found_on = [&](std::vector<std::uint32_t> layers, const char* rule = nullptr) {
    Report later = audited();
    if (rule != nullptr) later.layers[0].facts.rule->id = rule;
    add(later, "rule-identification", "leaky-rule", std::move(layers));
    return states(by(later, earlier)).at(0);
  };
  CHECK(found_on({0, 1}) == "accepted");
  CHECK(found_on({1}) == "accepted");
  CHECK(found_on({0, 1, 2}) == "new");
  CHECK(found_on({2}) == "new");
  CHECK(found_on({0, 1}, "sinkhorn") == "new");
  CHECK(found_on({0}, "sinkhorn") == "new");
}

TEST_CASE("each finding of a baseline accepts one", "[baseline]") {
  Report earlier = audited(), later = audited();
  add(earlier, "rule-identification", "leaky-rule", {0});
  add(later, "rule-identification", "leaky-rule", {0});
  add(later, "rule-identification", "leaky-rule", {0});
  CHECK(states(by(later, earlier)) == States{"new", "accepted"});  // accepted ones stand last
}

TEST_CASE("a comparison's shares are accepted on whatever layers", "[baseline]") {
  Report earlier = audited({"same-routes"}), later = audited({"same-routes"});
  earlier.subject.kind = later.subject.kind = "comparison";
  add(earlier, "same-routes", "route-mismatch", {0}, share(0.01, 1000));
  add(later, "same-routes", "route-mismatch", {1, 2}, share(0.012, 1000));
  CHECK(states(by(later, earlier)) == States{"accepted"});
}

TEST_CASE("what was within its limits may be so under a stricter policy, what was not significant not",
          "[baseline]") {
  Report earlier = audited(), later = audited();
  Report::Dismissed row;
  row.check = "capacity-drops";
  row.claim.id = "used-leak";
  row.claim.basis = Claim::Basis::observation;
  row.claim.amount = share(0.05, 1000);
  earlier.dismissed.push_back(row);
  add(later, "capacity-drops", "used-leak", {}, share(0.05, 1000));
  CHECK(states(by(later, earlier)) == States{"accepted"});
  earlier.dismissed.front().claim.basis = Claim::Basis::statistical;
  CHECK(states(by(later, earlier)) == States{"new"});
}

TEST_CASE("entries are found, gone or not assessed", "[baseline]") {
  Report earlier = audited(), later = audited({"rule-identification"});
  add(earlier, "rule-identification", "leaky-rule", {0});
  add(earlier, "capacity-drops", "used-leak", {}, share(0.1, 100));
  const Report judged = by(later, earlier);
  REQUIRE(judged.baseline);
  CHECK(judged.baseline->entries.at(0).state == "gone");
  CHECK(judged.baseline->entries.at(1).state == "not assessed");
  CHECK(run::entries_that_are(judged, "gone") == 1);
}

TEST_CASE("growth by small steps is told from the first report of a chain", "[baseline]") {
  Report first = audited();
  add(first, "capacity-drops", "used-leak", {}, bits(0.30, 0.28, 0.32));
  Report earlier = first;
  std::string state = "accepted";
  double value = 0.30;
  for (int step = 0; step < 10 && state == "accepted"; ++step) {
    value += 0.01;
    Report later = audited();
    add(later, "capacity-drops", "used-leak", {}, bits(value, value - 0.02, value + 0.02));
    earlier = by(later, earlier);
    state = states(earlier).at(0);
  }
  CHECK(state == "worse");
  CHECK(value < 0.36);
}

TEST_CASE("another model, mode or kind of report fits no baseline", "[baseline]") {
  const Report one = audited();
  CHECK(run::differs_in_kind(one, one).empty());
  const auto differs = [&](auto change) {
    Report other = audited();
    change(other);
    const Report judged = by(other, one);
    CHECK(judged.verdict == Verdict::error);
    return !run::differs_in_kind(one, other).empty() && !judged.baseline->problem.empty();
  };
  CHECK(differs([](Report& report) { report.subject.mode = "eval"; }));
  CHECK(differs([](Report& report) { report.subject.stage = "selected"; }));
  CHECK(differs([](Report& report) { report.layers.pop_back(); }));
  CHECK(differs([](Report& report) { report.layers[1].index = 7; }));
  CHECK(differs([](Report& report) { report.layers[1].experts = 16; }));
  CHECK(differs([](Report& report) { report.subject.kind = "logs"; }));
  Report named = audited();
  named.subject.kind = "checkpoint";
  named.subject.name = "another";
  CHECK(run::differs_in_kind(one, named).empty());
}

#include "run/judge.h"

#include "catch.h"

using namespace pastonly;

namespace {

constexpr const char* today = "2026-06-15";

Policy strict() {
  Policy policy;
  policy.name = "strict";
  policy.require = {"causal-mask", "batch-isolation"};
  policy.require_mode = {"train"};
  policy.min_tokens = 100;
  policy.severity = {{"causal-mask", Severity::error},
                     {"causal-mask/rounding", Severity::note},
                     {"batch-isolation", Severity::error},
                     {"future-information", Severity::error},
                     {"capacity-drops", Severity::warning}};
  return policy;
}

Report seen() {
  Report report;
  report.subject.mode = "train";
  report.subject.tokens = 1000;
  report.layers.resize(2);
  report.layers[1].index = 1;
  return report;
}

Ran intervened(std::uint64_t trials = 12, double trial_rate = 0.22) {
  Ran ran;
  ran.detection_limit = DetectionLimit{trial_rate, trials, 0.95, {}};
  return ran;
}

Claim claim(std::string id, Claim::Basis basis = Claim::Basis::proof) {
  Claim made;
  made.id = std::move(id);
  made.basis = basis;
  made.message = "something moved";
  made.layers = {LayerIndex{1}};
  return made;
}

Claim statistical(double p) {
  Claim made = claim("test", Claim::Basis::statistical);
  made.p_value = p;
  return made;
}

Claim measured(std::string name, std::string unit, double value, double lower) {
  Claim made = claim("rate", Claim::Basis::observation);
  made.amount = Measurement{std::move(name), value, lower, std::nullopt, std::move(unit), 50, std::nullopt};
  return made;
}

/// Everything that `strict` wants, without a finding.
run::Outcomes clean() { return {{"causal-mask", intervened()}, {"batch-isolation", Ran{}}}; }

run::Outcomes with(std::string check, Claim made) {
  run::Outcomes outcomes = clean();
  for (auto& [id, outcome] : outcomes) {
    if (id == check) {
      std::get<Ran>(outcome).claims.push_back(std::move(made));
      return outcomes;
    }
  }
  Ran ran;
  ran.claims.push_back(std::move(made));
  outcomes.emplace_back(std::move(check), std::move(ran));
  return outcomes;
}

Report judged(const run::Outcomes& outcomes, const Policy& policy = strict(), Report report = seen()) {
  run::judge(outcomes, policy, today, report);
  return report;
}

}  // namespace

TEST_CASE("interventions that saw nothing pass, and say how much they could have seen", "[judge]") {
  const Report report = judged(clean());
  CHECK(report.verdict == Verdict::pass);
  CHECK(report.verdict_reasons.empty());
  CHECK(exit_code(report.verdict) == 0);
  REQUIRE(report.detection_limit);
  CHECK(report.detection_limit->trials == 12);
}

TEST_CASE("a proof that the policy forbids fails", "[judge]") {
  const Report report = judged(with("causal-mask", claim("flip")));
  CHECK(report.verdict == Verdict::fail);
  CHECK(exit_code(report.verdict) == 1);
  REQUIRE(report.findings.size() == 1);
  CHECK(report.findings[0].severity == Severity::error);
  CHECK(report.findings[0].confidence == 1.0);
  CHECK(report.findings[0].layers == std::vector<std::uint32_t>{1});
  REQUIRE(report.verdict_reasons.size() == 1);
}

TEST_CASE("the longer severity key wins, and an unnamed claim is a note", "[judge]") {
  const Report rounding = judged(with("causal-mask", claim("rounding")));
  CHECK(rounding.verdict == Verdict::pass);
  CHECK(rounding.findings.at(0).severity == Severity::note);
  const Report unnamed = judged(with("load-balance", claim("skew")));
  CHECK(unnamed.verdict == Verdict::pass);
  CHECK(unnamed.findings.at(0).severity == Severity::note);
}

TEST_CASE("a suspicion warns and keeps from a pass, unless a policy names it", "[judge]") {
  Claim suspected = statistical(0.001);
  suspected.id = "unproven-gain";
  const auto warned = judged(with("future-information", suspected));
  CHECK(warned.findings.at(0).severity == Severity::warning);
  CHECK(warned.verdict == Verdict::inconclusive);
  CHECK(judged(with("capacity-drops", suspected)).findings.at(0).severity == Severity::warning);
  CHECK(judged(with("load-balance", suspected)).verdict == Verdict::pass);  // a note
  Policy named = strict();
  named.severity["future-information/unproven-gain"] = Severity::error;
  CHECK(judged(with("future-information", suspected), named).verdict == Verdict::fail);
  suspected.p_value = 0.5;
  CHECK(judged(with("future-information", suspected)).verdict == Verdict::pass);
}

TEST_CASE("gains in the sweep are held against what a leak of training may be worth", "[judge]") {
  Claim gain = statistical(0.001);
  gain.amount = Measurement{"drop_below_company", 0.03, 0.015, 0.05, "bits per token", 16, std::nullopt};
  CHECK(judged(with("causal-mask", gain)).verdict == Verdict::pass);
  gain.amount->lower = 0.021;
  CHECK(judged(with("causal-mask", gain)).verdict == Verdict::fail);
}

TEST_CASE("severity none dismisses", "[judge]") {
  Policy policy = strict();
  policy.severity["load-balance"] = Severity::none;
  const Report report = judged(with("load-balance", claim("skew")), policy);
  CHECK(report.findings.empty());
  CHECK(report.dismissed.size() == 1);
}

TEST_CASE("fail_on decides which severity fails", "[judge]") {
  Policy policy = strict();
  const auto warned = with("capacity-drops", claim("drops"));
  CHECK(judged(warned, policy).verdict == Verdict::pass);
  policy.fail_on = Severity::warning;
  CHECK(judged(warned, policy).verdict == Verdict::fail);
  policy.fail_on = Severity::note;
  CHECK(judged(with("load-balance", claim("skew")), policy).verdict == Verdict::fail);
  policy.fail_on = Severity::none;
  CHECK(judged(with("causal-mask", claim("flip")), policy).verdict == Verdict::pass);
}

TEST_CASE("significance is corrected over all statistical claims of the run", "[judge]") {
  run::Outcomes outcomes = with("future-information", statistical(0.03));
  CHECK(judged(outcomes).verdict == Verdict::fail);
  CHECK(judged(outcomes).findings.at(0).confidence == Approx(0.97));
  // A second test of the run doubles the smaller p-value: 0.06 is above 0.05.
  Ran other;
  other.claims.push_back(statistical(0.9));
  outcomes.emplace_back("source-floor", other);
  const Report report = judged(outcomes);
  CHECK(report.verdict == Verdict::pass);
  CHECK(report.findings.empty());
  REQUIRE(report.dismissed.size() == 2);
  CHECK(report.dismissed[0].reason.find("not significant") == 0);
}

TEST_CASE("proofs do not enter the correction", "[judge]") {
  run::Outcomes outcomes = with("future-information", statistical(0.03));
  for (int i = 0; i < 5; ++i) std::get<Ran>(outcomes[0].second).claims.push_back(claim("rounding"));
  CHECK(judged(outcomes).verdict == Verdict::fail);
}

TEST_CASE("a limit is exceeded when the lower end of the interval exceeds it", "[judge]") {
  Policy policy = strict();
  policy.fail_on = Severity::warning;
  CHECK(judged(with("capacity-drops", measured("drop_rate", "fraction", 0.2, 0.05)), policy).verdict ==
        Verdict::pass);
  CHECK(judged(with("capacity-drops", measured("drop_rate", "fraction", 0.2, 0.11)), policy).verdict ==
        Verdict::fail);
  policy.limits.leak_bits = 0.5;
  CHECK(judged(with("future-information", measured("leak", "bits per prefix", 0.9, 0.4)), policy).verdict ==
        Verdict::pass);
  CHECK(judged(with("future-information", measured("leak", "bits per prefix", 0.9, 0.6)), policy).verdict ==
        Verdict::fail);
}

TEST_CASE("an amount without an interval is held against the limit itself", "[judge]") {
  Claim bare = measured("leak", "bits per token", 0.3, 0.0);
  bare.amount->lower.reset();
  CHECK(judged(with("future-information", bare)).verdict == Verdict::fail);
  bare.amount->value = 0.0;
  CHECK(judged(with("future-information", bare)).verdict == Verdict::pass);
}

TEST_CASE("a statistical claim without p-value and limit decides nothing", "[judge]") {
  const Report report = judged(with("future-information", claim("test", Claim::Basis::statistical)));
  CHECK(report.verdict == Verdict::pass);
  CHECK(report.dismissed.size() == 1);
}

TEST_CASE("ignores hide what they name until they run out; what they hide stays", "[judge]") {
  Policy policy = strict();
  policy.ignore = {{"causal-mask", "", {1}, "known, being fixed", "2026-06-15"}};
  const Report hidden = judged(with("causal-mask", claim("flip")), policy);
  CHECK(hidden.verdict == Verdict::pass);
  CHECK(hidden.findings.at(0).suppressed == "known, being fixed");

  policy.ignore[0].layers = {0};
  CHECK(judged(with("causal-mask", claim("flip")), policy).verdict == Verdict::fail);
  policy.ignore[0].layers = {};
  CHECK(judged(with("causal-mask", claim("flip")), policy).verdict == Verdict::pass);
  policy.ignore[0].layers = {0, 1};
  CHECK(judged(with("causal-mask", claim("flip")), policy).verdict == Verdict::pass);
  CHECK(judged(with("batch-isolation", claim("flip")), policy).verdict == Verdict::fail);
}

TEST_CASE("an ignore may name a claim of a check, as reports print it", "[judge]") {
  Policy policy = strict();
  policy.ignore = {{"causal-mask/flip", "", {}, "known", "2026-06-15"}};
  CHECK(judged(with("causal-mask", claim("flip")), policy).verdict == Verdict::pass);
  policy.ignore[0].check = "causal-mask/stochastic";
  CHECK(judged(with("causal-mask", claim("flip")), policy).verdict == Verdict::fail);
}

TEST_CASE("an ignore may name one finding by its fingerprint", "[judge]") {
  Policy policy = strict();
  const std::string print = judged(with("causal-mask", claim("flip"))).findings.at(0).fingerprint;
  policy.ignore = {{"", print, {}, "known", "2026-06-15"}};
  CHECK(judged(with("causal-mask", claim("flip")), policy).verdict == Verdict::pass);
  CHECK(judged(with("batch-isolation", claim("flip")), policy).verdict == Verdict::fail);
  policy.ignore[0].check = "batch-isolation";
  CHECK(judged(with("causal-mask", claim("flip")), policy).verdict == Verdict::fail);
}

TEST_CASE("a baseline passes in the place of a failure, and of nothing else", "[judge][baseline]") {
  const auto accepting = [](const Claim& made, std::uint64_t trials, const Policy& policy = strict()) {
    run::Outcomes outcomes = with("causal-mask", made);
    std::get<Ran>(outcomes.front().second).detection_limit = DetectionLimit{1.0, trials, 0.95, {}};
    Report report = seen();
    report.baseline.emplace();
    report.baseline->name = "old.json";
    report.baseline->entries.push_back({"causal-mask", made.id, {1}, {""}, "", Severity::error, {}, "", ""});
    return judged(outcomes, policy, std::move(report));
  };
  const Report passed = accepting(claim("flip"), 12);
  CHECK(passed.verdict == Verdict::pass);
  REQUIRE(passed.verdict_reasons.size() == 1);
  CHECK(passed.verdict_reasons.front() == "1 finding is as in the baseline old.json, and accepted");
  // Trials that could have shown little, tokens that were not seen, a suspicion that nothing settles.
  CHECK(accepting(claim("flip"), 2).verdict == Verdict::inconclusive);
  Policy more = strict();
  more.min_tokens = 100'000;
  CHECK(accepting(claim("flip"), 12, more).verdict == Verdict::inconclusive);
  CHECK(accepting(claim("unproven-gain"), 12).verdict == Verdict::inconclusive);
}

TEST_CASE("a finding without layers is not hidden by an ignore of some layers", "[judge]") {
  Policy policy = strict();
  policy.ignore = {{"causal-mask", "", {1}, "known", "2027-01-01"}};
  Claim whole = claim("flip");
  whole.layers.clear();
  CHECK(judged(with("causal-mask", whole), policy).verdict == Verdict::fail);
}

TEST_CASE("an ignore past its date hides nothing and is an error", "[judge]") {
  Policy policy = strict();
  policy.ignore = {{"causal-mask", "", {}, "known", "2026-06-14"}};
  CHECK(judged(with("causal-mask", claim("flip")), policy).verdict == Verdict::fail);
  const Report report = judged(clean(), policy);
  CHECK(report.verdict == Verdict::error);
  CHECK(report.verdict_reasons.size() == 1);
}

TEST_CASE("a required check that failed is an error, unless something else fails the policy", "[judge]") {
  run::Outcomes outcomes = clean();
  outcomes[1].second = Error{Error::Kind::input, "0007.out.safetensors: truncated"};
  const Report report = judged(outcomes);
  CHECK(report.verdict == Verdict::error);
  CHECK(exit_code(report.verdict) == 2);
  CHECK(report.not_assessed.at(0).reason == "0007.out.safetensors: truncated");
  std::get<Ran>(outcomes[0].second).claims.push_back(claim("flip"));
  CHECK(judged(outcomes).verdict == Verdict::fail);
}

TEST_CASE("checks that could not be completed are no pass, required or not, and are named together",
          "[judge]") {
  run::Outcomes outcomes = clean();
  outcomes.emplace_back("load-balance", Error{Error::Kind::input, "0012.out.safetensors: cut"});
  outcomes.emplace_back("gate-separation", Error{Error::Kind::input, "0012.out.safetensors: cut"});
  const Report report = judged(outcomes);
  CHECK(report.verdict == Verdict::error);
  CHECK(report.verdict_reasons == std::vector<std::string>{"0012.out.safetensors: cut (checks not completed: "
                                                           "load-balance, gate-separation)"});
  CHECK(report.not_assessed.size() == 2);
}

TEST_CASE("a required check that was skipped or never ran is inconclusive", "[judge]") {
  run::Outcomes outcomes = clean();
  outcomes[1].second = Skipped{"no other sequence was changed"};
  Report report = judged(outcomes);
  CHECK(report.verdict == Verdict::inconclusive);
  CHECK(exit_code(report.verdict) == 3);
  CHECK(report.verdict_reasons.at(0) == "batch-isolation is required: no other sequence was changed");
  outcomes.pop_back();
  report = judged(outcomes);
  CHECK(report.verdict == Verdict::inconclusive);
  CHECK(report.verdict_reasons.at(0) == "batch-isolation is required and did not run");
}

TEST_CASE("runs of a plan without output that a required check needs are inconclusive", "[judge]") {
  Report report = seen();
  report.not_assessed.push_back({"causal-mask", "2 suffix runs of the plan without output"});
  CHECK(judged(clean(), strict(), report).verdict == Verdict::inconclusive);
  report.not_assessed[0].check = "token-shuffle";
  CHECK(judged(clean(), strict(), report).verdict == Verdict::pass);
}

TEST_CASE("required modes must have been seen", "[judge]") {
  Report report = seen();
  report.subject.mode = "eval";
  CHECK(judged(clean(), strict(), report).verdict == Verdict::inconclusive);
  Policy policy = strict();
  policy.require_mode.clear();
  CHECK(judged(clean(), policy, report).verdict == Verdict::pass);
}

TEST_CASE("too few tokens are inconclusive", "[judge]") {
  Report report = seen();
  report.subject.tokens = 99;
  CHECK(judged(clean(), strict(), report).verdict == Verdict::inconclusive);
  report.subject.tokens = 100;
  CHECK(judged(clean(), strict(), report).verdict == Verdict::pass);
}

TEST_CASE("observation alone never passes, whatever a policy requires", "[judge]") {
  Policy policy = strict();
  policy.require.clear();
  CHECK(judged({}, policy).verdict == Verdict::inconclusive);
  CHECK(judged({{"causal-mask", Ran{}}}, policy).verdict == Verdict::inconclusive);
  CHECK(judged({{"causal-mask", Skipped{"one run only"}}}, policy).verdict == Verdict::inconclusive);
  CHECK(judged({{"causal-mask", intervened(0, 1.0)}}, policy).verdict == Verdict::inconclusive);
  CHECK(judged({{"causal-mask", intervened()}}, policy).verdict == Verdict::pass);
}

TEST_CASE("a detection limit above the policy's is inconclusive", "[judge]") {
  run::Outcomes outcomes = clean();
  outcomes[0].second = intervened(3, 0.63);
  CHECK(judged(outcomes).verdict == Verdict::inconclusive);
  outcomes[0].second = intervened(5, 0.45);
  CHECK(judged(outcomes).verdict == Verdict::pass);
  Policy anything = strict();
  anything.limits.trial_rate = 1.0;
  outcomes[0].second = intervened(5, 1.0);
  const Report changed = judged(outcomes, anything);
  CHECK(changed.verdict == Verdict::inconclusive);
  CHECK(changed.verdict_reasons.at(0).find("plain repeats change decisions") != std::string::npos);
  anything.ignore = {{"causal-mask", "", {}, "known", "2027-01-01"}};
  std::get<Ran>(outcomes[0].second).claims = {claim("flip")};
  const std::string_view tolerated = "which the policy tolerates";
  CHECK(judged(outcomes, anything).verdict_reasons.at(0).find(tolerated) != std::string::npos);
  anything.ignore.clear();
  anything.fail_on = Severity::none;
  CHECK(judged(outcomes, anything).verdict_reasons.at(0).find(tolerated) != std::string::npos);
  std::get<Ran>(outcomes[0].second).claims = {claim("stochastic")};
  CHECK(judged(outcomes, anything).verdict_reasons.at(0).find("plain repeats change") != std::string::npos);
}

TEST_CASE("chunk widths that no cut could see are inconclusive", "[judge]") {
  run::Outcomes outcomes = clean();
  std::get<Ran>(outcomes[0].second).detection_limit->unseen_chunks = {2, 4, 8, 16};
  const Report report = judged(outcomes);
  CHECK(report.verdict == Verdict::inconclusive);
  CHECK(report.verdict_reasons.at(0).find("2, 4, 8, 16") != std::string::npos);
}

TEST_CASE("findings stand by severity, hidden ones last, and keep their fingerprint", "[judge]") {
  Policy policy = strict();
  policy.ignore = {{"batch-isolation", "", {}, "one tenant only", "2027-01-01"}};
  run::Outcomes outcomes = with("batch-isolation", claim("flip"));
  std::get<Ran>(outcomes[0].second).claims = {claim("rounding"), claim("flip")};
  const Report report = judged(outcomes, policy);
  REQUIRE(report.findings.size() == 3);
  CHECK(report.findings[0].claim == "flip");
  CHECK(report.findings[1].claim == "rounding");
  CHECK(report.findings[2].suppressed);
  CHECK(report.findings[0].fingerprint.size() == 16);
  CHECK(report.findings[0].fingerprint != report.findings[1].fingerprint);
  CHECK(judged(outcomes, policy).findings[0].fingerprint == report.findings[0].fingerprint);
}

TEST_CASE("judging again under the same policy changes nothing, under another only the judgement",
          "[judge]") {
  run::Outcomes outcomes = with("causal-mask", claim("flip"));
  Ran other;
  other.claims = {statistical(0.01), statistical(0.5)};
  outcomes.emplace_back("future-information", other);
  outcomes.emplace_back("source-floor", Skipped{"no source"});
  Report report = judged(outcomes);
  for (const auto& [id, outcome] : outcomes) {
    report.checks.push_back(
        {id, std::holds_alternative<Skipped>(outcome) ? "skipped" : "ran", "no source", 0.0, {}});
  }
  const auto same = run::judge_again(report, strict(), today);
  REQUIRE(same);
  CHECK(same->verdict == report.verdict);
  CHECK(same->verdict_reasons == report.verdict_reasons);
  CHECK(same->findings.size() == report.findings.size());
  CHECK(same->dismissed.size() == report.dismissed.size());
  CHECK(same->not_assessed.size() == report.not_assessed.size());

  Policy lenient = strict();
  lenient.fail_on = Severity::none;
  CHECK(run::judge_again(report, lenient, today)->verdict == Verdict::pass);
}

TEST_CASE("judging again refuses a policy that would have measured differently", "[judge]") {
  Policy other = strict();
  other.alpha = 0.01;
  CHECK_FALSE(run::judge_again(judged(clean()), other, today));
  other = strict();
  other.source = Source{"uniform", 64};
  CHECK_FALSE(run::judge_again(judged(clean()), other, today));
}

TEST_CASE("judging again keeps the source that a policy leaves open", "[judge]") {
  Report report = judged(clean());
  report.policy.source = Source{"uniform", 64};
  const auto again = run::judge_again(report, strict(), today);
  REQUIRE(again);
  CHECK(again->policy.source == Source{"uniform", 64});
}

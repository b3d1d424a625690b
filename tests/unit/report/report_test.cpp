#include <algorithm>
#include <cmath>
#include <limits>

#include "catch.h"
#include "input/policy/policy.h"
#include "report/json.h"
#include "report/paragraph.h"
#include "report/text.h"
#include "report/what_to_do.h"
#include "report/words.h"
#include "report/writer.h"

using namespace pastonly;
using namespace pastonly::report;

namespace {

Claim statistical_claim() {
  Claim claim;
  claim.id = "bits";
  claim.basis = Claim::Basis::statistical;
  claim.p_value = 0.2;
  claim.amount = Measurement{"leak", 0.1, 0.0, 0.3, "bits per prefix", 12, LayerIndex{3}};
  claim.message = "maybe";
  claim.layers = {LayerIndex{3}};
  return claim;
}

Report::Layer routed_layer() {
  Report::Layer layer;
  layer.index = 3;
  layer.experts = 8;
  layer.top_k = 2.0;
  layer.sparsity = 0.25;
  layer.facts.index = LayerIndex{3};
  layer.facts.bound = LayerFacts::Bound{3.17, 6.1, 6.49, 64, false, "expert-choice"};
  const Value parameters(Value::Object{{"k", 2}, {"chunk", 64}});
  layer.facts.rule = LayerFacts::Rule{
      "expert-choice", false, parameters, 1.0, {{"expert-choice", false, parameters, 1.0, {"x"}}}};
  layer.facts.leak = LayerFacts::Leak{0.4, 0.2, std::nullopt, "bits per prefix", "collision"};
  layer.facts.origin = LayerFacts::Origin{"selection", true};
  return layer;
}

/// A report with something in every place.
Report full() {
  Report report;
  report.tool = {"pastonly", "1.2.3", "abc"};
  report.run = {"2026-01-01T00:00:00Z", 1.5, 7, 2, {"audit", "x"}, "avx2"};
  report.subject = {"plan",
                    "x",
                    "train",
                    "dispatched",
                    {{"x/plan.json", 10, std::string(64, 'a')}},
                    2048,
                    512,
                    256,
                    Value(Value::Object{{"batch", 8}})};
  report.verdict = Verdict::fail;
  report.verdict_reasons = {"causal-mask: 3 of 100 decisions flipped"};
  report.detection_limit = DetectionLimit{0.22, 12, 0.95, {2, 4}};
  report.layers = {routed_layer(), {}};
  report.totals = {1.0, std::nullopt, 2.0, std::nullopt, 3};
  report.checks = {{"causal-mask",
                    "ran",
                    "",
                    0.1,
                    {{"flip_rate_decisions", 0.03, 0.01, 0.05, "fraction", 100, LayerIndex{3}}}},
                   {"source-floor", "skipped", "no source", 0.0, {}}};
  Report::Finding finding;
  finding.check = "causal-mask";
  finding.claim = "flip";
  finding.severity = Severity::error;
  finding.confidence = 1.0;
  finding.message = "3 of 100 decisions before the cut flipped";
  finding.layers = {3};
  finding.witness = Value(Value::Object{{"type", "flip"},
                                        {"layer", 3},
                                        {"row", 0},
                                        {"position", 5},
                                        {"expert", 1},
                                        {"before", 1},
                                        {"after", 0},
                                        {"score_before", 0.25},
                                        {"score_after", 0.25}});
  finding.fingerprint = "0123456789abcdef";
  finding.help = "use a causal rule";
  finding.suppressed = "known";
  report.findings = {finding};
  report.dismissed = {{"future-information", statistical_claim(), "not significant"}};
  report.not_assessed = {{"source-floor", "no source"}};
  report.policy = input::read_policy("ci").value();
  report.policy.name = "p";
  report.policy.ignore = {{"causal-mask", "", {3}, "known", "2027-01-01"},
                          {"", "0123456789abcdef", {}, "known", "2027-01-01"}};
  report.policy.source = Source{"uniform", 64};
  return report;
}

std::string on_one_line(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const bool blank = c == ' ' || c == '\n';
    if (!blank || (!out.empty() && out.back() != ' ')) out += blank ? ' ' : c;
  }
  return out;
}

}  // namespace

TEST_CASE("a baseline and what was redacted survive writing and reading", "[report][baseline]") {
  Report report = full();
  report.findings.front().standing = Report::Standing{"worse", "it grew"};
  report.baseline = Report::Baseline{"old.json", std::string(64, 'b'), "1.2.2", "ci", "", {}};
  report.baseline->entries = {{"causal-mask",
                               "flip",
                               {3},
                               {"expert-choice"},
                               "0123456789abcdef",
                               Severity::none,
                               {{"flip_rate_decisions", 0.01, 0.0, 0.02, "fraction", 100, LayerIndex{3}}},
                               "what must be the same",
                               "not assessed"}};
  report.redaction = Report::Redaction{std::string(64, 'c'), {"text"}};
  const std::string text = write_json(report);
  const auto back = parse_report(text, "r.json");
  if (!back) FAIL(back.error().message);
  CHECK(write_json(*back) == text);
  CHECK(back->baseline->entries.front().figures.front().upper == 0.02);
}

TEST_CASE("a report survives writing and reading, byte for byte", "[report]") {
  const std::string text = write_json(full());
  const auto back = parse_report(text, "r.json");
  if (!back) FAIL(back.error().message);
  CHECK(write_json(*back) == text);
  Report bare;
  bare.policy = input::read_policy("release").value();
  const std::string empty = write_json(bare);
  const auto empty_back = parse_report(empty, "e.json");
  if (!empty_back) FAIL(empty_back.error().message);
  CHECK(write_json(*empty_back) == empty);
}

TEST_CASE("what routers learned survives writing and reading, and need not be there", "[report]") {
  Report report = full();
  Report::Experiment experiment;
  experiment.arms.resize(2);
  report.experiment = std::move(experiment);
  auto& routers = report.experiment->arms[0].routers;
  routers.training = {{0, 0.5, -0.01, 0.1, 0.002}, {7, 0.4, 0.02, 0.2, 0.0}};
  routers.fixation = {{1, 7, {{0, -0.25}, {7, 1.0}}}};
  routers.frozen = {{1, 0.5, 0.25, 0.75, 0.125, 3.5, std::nullopt, -0.5}};
  const std::string text = write_json(report);
  const auto back = parse_report(text, "r.json");
  if (!back) FAIL(back.error().message);
  CHECK(write_json(*back) == text);
  CHECK(back->experiment->arms[0].routers.fixation[0].agreement == routers.fixation[0].agreement);
  CHECK(back->experiment->arms[0].routers.frozen[0].activation_all == -0.5);
  // Reports of before have none.
  Json older = Json::parse(text);
  for (auto& arm : older["experiment"]["arms"]) arm.erase("routers");
  const auto read = parse_report(older.dump(), "o.json");
  if (!read) FAIL(read.error().message);
  CHECK(read->experiment->arms[0].routers.training.empty());
}

TEST_CASE("keys stand in the documented order", "[report]") {
  const Json json = Json::parse(write_json(full()));
  std::vector<std::string> keys;
  for (const auto& [key, value] : json.items()) keys.push_back(key);
  CHECK(keys == std::vector<std::string>{"schema", "tool", "run", "subject", "verdict", "verdict_reasons",
                                         "detection_limit", "layers", "totals", "checks", "findings",
                                         "not_assessed", "dismissed", "policy"});
}

TEST_CASE("NaN and infinities become null, never invalid JSON", "[report]") {
  Report report = full();
  report.checks[0].measurements[0].value = std::numeric_limits<double>::quiet_NaN();
  report.totals.limit_bits = std::numeric_limits<double>::infinity();
  report.findings[0].witness.set("score", -std::numeric_limits<double>::infinity());
  const Json json = Json::parse(write_json(report));
  CHECK(json["checks"][0]["measurements"][0]["value"].is_null());
  CHECK(json["totals"]["limit_bits"].is_null());
  CHECK(json["findings"][0]["witness"]["score"].is_null());
}

TEST_CASE("invalid UTF-8 from a file's name does not break the report", "[report]") {
  Report report = full();
  report.subject.name = "bad\xff name";
  report.subject.files = {{"a\xfe/b", 1, std::string(64, 'a')}};
  const std::string text = write_json(report);
  CHECK(Json::accept(text));
  const auto back = parse_report(text, "r.json");
  REQUIRE(back.has_value());
  CHECK(back->subject.name == "bad\xff name");
  CHECK(back->subject.files.front().path == "a\xfe/b");
}

TEST_CASE("a report with an object of very many keys is refused at once", "[report]") {
  std::string text = write_json(full());
  std::string many = "{";
  for (int i = 0; i < 200'000; ++i) many += "\"" + std::to_string(i) + "\":1,";
  many.back() = '}';
  const std::string options = "\"options\": {";
  const auto at = text.find(options);
  REQUIRE(at != std::string::npos);
  text.insert(at + options.size(), "\"more\": " + many + ",");
  const auto refused = parse_report(text, "r.json");
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().message.find("more than 4096 keys") != std::string::npos);
}

TEST_CASE("a broken report is refused with file and key", "[report]") {
  const auto message = [](const std::string& text) {
    const auto parsed = parse_report(text, "r.json");
    return parsed ? std::string("accepted") : parsed.error().message;
  };
  CHECK(message("{").starts_with("r.json: not JSON: "));
  CHECK(message("[]") == "r.json: is not a report: not a JSON object");
  CHECK(message("{\"schema\": \"pastonly.report/2\"}").find("pastonly.report/1") != std::string::npos);
  Json json = Json::parse(write_json(full()));
  json["findings"][0]["severity"] = "fatal";
  CHECK(message(json.dump()) == "r.json: findings[0].severity: expected note, warning or error");
  json = Json::parse(write_json(full()));
  json["subject"]["files"][0].erase("bytes");
  CHECK(message(json.dump()).find("subject.files[0].bytes") != std::string::npos);
  json = Json::parse(write_json(full()));
  json["layers"] = 3;
  CHECK(message(json.dump()).find("layers: expected an array") != std::string::npos);
}

TEST_CASE("checks that share a reason are listed together", "[report]") {
  Report report = full();
  report.not_assessed = {
      {"load-balance", "a is cut"}, {"token-shuffle", "no run"}, {"chunk-sweep", "a is cut"}};
  const std::string text = write_text(report, {});
  CHECK(text.find("  load-balance, chunk-sweep: a is cut\n") != std::string::npos);
  CHECK(text.find("  token-shuffle  no run\n") != std::string::npos);
}

TEST_CASE("an open layer names what else explains it", "[report]") {
  Report report = full();
  report.layers.resize(1);
  report.layers[0].facts.rule = LayerFacts::Rule{};
  LayerFacts::Rule& rule = *report.layers[0].facts.rule;
  rule.id = "top-k";
  rule.candidates = {{"top-k", true, {}, 1.0, {}},
                     {"gshard-top-2", false, {}, 1.0, {}},
                     {"fixed-capacity", true, {}, 1.0, {}}};
  std::string text = write_text(report, {});
  std::ranges::replace(text, '\n', ' ');
  text.erase(std::unique(text.begin(), text.end(), [](char a, char b) { return a == ' ' && b == ' '; }),
             text.end());
  CHECK(text.find("causal open: top-k, which is causal, explains these decisions") != std::string::npos);
  CHECK(text.find("gshard-top-2, which is not causal") != std::string::npos);
  CHECK(text.find("fixed-capacity") == std::string::npos);
  rule.causal = true;
  CHECK(write_text(report, {}).find("causal open") == std::string::npos);
}

TEST_CASE("text holds no control characters of names", "[report]") {
  Report report = full();
  report.subject.name = "a\x1b[31mb";
  report.policy.name = "p\u202e";
  for (auto& finding : report.findings) finding.message = finding.help = "m\x07\x1b]0;t";
  report.not_assessed = {{"\x1b[1m", "\x9b"}};
  const std::string text = write_text(report, {});
  for (const char* bad : {"\x1b", "\x07", "\u202e", "\x9b"}) CHECK(text.find(bad) == std::string::npos);
}

TEST_CASE("added keys are tolerated", "[report]") {
  Json json = Json::parse(write_json(full()));
  json["novelty"] = 1;
  json["subject"]["novelty"] = 1;
  CHECK(parse_report(json.dump(), "r.json"));
}

TEST_CASE("text says the verdict first, then findings, layers and what was not assessed", "[report]") {
  const std::string text = write_text(full(), {});
  CHECK(text.starts_with("FAIL  x (plan; mode train, stage dispatched; 2,048 token positions; policy p)\n"));
  const auto findings = text.find("Findings"), layers = text.find("Layers"),
             limit = text.find("Detection limit"), rest = text.find("Not assessed");
  REQUIRE(findings != std::string::npos);
  CHECK((findings < layers && layers < limit && limit < rest));
  CHECK(
      on_one_line(text).find(
          "layer 3, row 0, position 5, expert 1 no longer takes this token: its score is unchanged (0.25)") !=
      std::string::npos);
  CHECK(text.find("Ignored by the policy: known") != std::string::npos);
  CHECK(text.find("expert-choice k=2, chunk=64") != std::string::npos);
  CHECK(text.find("3.00% ████████") != std::string::npos);
  CHECK(text.find('\x1b') == std::string::npos);
  CHECK(write_text(full(), {true, 100}).find('\x1b') != std::string::npos);
}

TEST_CASE("what to do stands below the verdict: the rule's, else the first failing finding's", "[report]") {
  Report report = full();
  report.findings.front().suppressed.reset();
  report.findings.front().severity = Severity::error;
  report.findings.front().help = "Do this.";
  for (auto& layer : report.layers) layer.facts.rule.reset();
  CHECK(what_to_do(report) == "Do this.");
  LayerFacts::Rule rule;
  rule.id = "sinkhorn";
  rule.causal = false;
  report.layers.front().facts.rule = rule;
  CHECK(what_to_do(report).find("is routed by sinkhorn, which is not causal.") != std::string::npos);
  CHECK(what_to_do(report).find("`pastonly explain sinkhorn` says more.") != std::string::npos);
  // A rule that is causal, not known, or open is no reason.
  for (const auto& [id, causal] : {std::pair<std::string, std::optional<bool>>{"sinkhorn", std::nullopt},
                                   {"top-k", true},
                                   {"no-such-rule", false}}) {
    report.layers.front().facts.rule->id = id;
    report.layers.front().facts.rule->causal = causal;
    CHECK(what_to_do(report) == "Do this.");
  }
  report.findings.front().suppressed = "known";
  CHECK(what_to_do(report).empty());
  report.findings.clear();
  CHECK(what_to_do(report).empty());
}

TEST_CASE("a pass says what was seen before it says that the policy allows it", "[report]") {
  Report report = full();
  report.verdict = Verdict::pass;
  report.verdict_reasons.clear();
  report.findings.front().suppressed.reset();
  report.findings.front().severity = Severity::note;
  std::string text = on_one_line(write_text(report, {}));
  CHECK(text.find("changed earlier decisions, up to 3% of a layer's. Found, and allowed by this policy: "
                  "causal-mask/flip.") != std::string::npos);
  // Muted altogether: nothing but a dismissal is left of it.
  Claim claim;
  claim.id = "flip";
  claim.message = "3 of 100 decisions before the cut flipped";
  report.findings.clear();
  report.dismissed = {{"causal-mask", claim, "the policy sets its severity to none"}};
  text = on_one_line(write_text(report, {}));
  CHECK(text.find("Found, and allowed by this policy: causal-mask/flip.") != std::string::npos);
  CHECK(text.find("never changed") == std::string::npos);
  report.verdict = Verdict::inconclusive;
  report.verdict_reasons = {"something else"};
  text = on_one_line(write_text(report, {}));
  CHECK(text.find("muted by this policy: causal-mask/flip.") != std::string::npos);
  // Nothing seen.
  report.verdict = Verdict::pass;
  report.dismissed.clear();
  report.checks.front().measurements.front().value = 0.0;
  text = on_one_line(write_text(report, {}));
  CHECK(text.find("never changed an earlier decision. No other check found") != std::string::npos);
  CHECK(text.find("allowed by") == std::string::npos);
}

TEST_CASE("notes that say different things are told apart, those that differ in figures are not",
          "[report]") {
  Report report = full();
  const auto note = [](std::string hazard, std::string message, std::uint32_t layer) {
    Report::Finding finding;
    finding.check = "trace-integrity";
    finding.claim = "oddity";
    finding.severity = Severity::note;
    finding.message = std::move(message);
    finding.layers = {layer};
    finding.witness = Value(Value::Object{{"hazard", std::move(hazard)}});
    return finding;
  };
  report.findings = {note("all-zero-rows", "12 tokens have no expert; first in a", 0),
                     note("logits-as-scores", "scores beyond 1 are logits", 1),
                     note("all-zero-rows", "7 tokens have no expert; first in b", 2)};
  const std::string text = on_one_line(write_text(report, {}));
  CHECK(text.find("12 tokens have no expert; first in a (1 more like it)") != std::string::npos);
  CHECK(text.find("scores beyond 1 are logits") != std::string::npos);
  CHECK(text.find("7 tokens") == std::string::npos);
}

TEST_CASE("rules that their column cuts off are told in full, and layers that differ there are not one row",
          "[report]") {
  Report report = full();
  const auto layer = [](std::uint32_t index, const char* mask) {
    Report::Layer out = routed_layer();
    out.index = index;
    out.facts.rule->id = "group-limited-top-k";
    out.facts.rule->parameters = Value(Value::Object{
        {"k", 2}, {"groups", 4}, {"topk_groups", 2}, {"group_score", "max"}, {"group_mask", mask}});
    return out;
  };
  report.layers = {layer(0, "zero"), layer(1, "zero"), layer(2, "minus-infinity")};
  const std::string text = on_one_line(write_text(report, {}));
  CHECK(text.find("layers 0-1: group-limited-top-k k=2, groups=4, topk_groups=2, group_score=max, "
                  "group_mask=zero") != std::string::npos);
  CHECK(text.find("layer 2: group-limited-top-k k=2, groups=4, topk_groups=2, group_score=max, "
                  "group_mask=minus-infinity") != std::string::npos);
}

TEST_CASE("text shows what streaming runs measured", "[report]") {
  Report report = full();
  CHECK(write_text(report, {}).find("Streaming") == std::string::npos);
  report.checks.push_back(
      {"forced-causality",
       "ran",
       "",
       0.1,
       {{"stream_flip_rate_decisions", 0.125, 0.1, 0.15, "fraction", 100, LayerIndex{3}},
        {"streaming_flip_rate", 0.25, std::nullopt, std::nullopt, "fraction", 100, LayerIndex{3}}}});
  const std::string text = on_one_line(write_text(report, {}));
  CHECK(text.find("3 25.00% 12.50% [10.00, 15.00]") != std::string::npos);
}

TEST_CASE("no line of text is wider than asked", "[report]") {
  Report report = full();
  report.findings[0].message = "word ";
  for (int i = 0; i < 6; ++i) report.findings[0].message += report.findings[0].message;
  const std::string text = write_text(report, {});
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t end = std::min(text.find('\n', start), text.size());
    CHECK(columns(text.substr(start, end - start)) <= 110);
    start = end + 1;
  }
}

TEST_CASE("small words", "[report]") {
  CHECK(signed_bits(-0.0004) == "+0.000");
  CHECK(signed_bits(-0.0006) == "-0.001");
  CHECK(grouped(0) == "0");
  CHECK(grouped(999) == "999");
  CHECK(grouped(1000) == "1,000");
  CHECK(grouped(1234567) == "1,234,567");
  CHECK(layers_in_words({}).empty());
  CHECK(layers_in_words({4}) == "layer 4");
  CHECK(layers_in_words({0, 1, 2, 5, 7, 8}) == "layers 0-2, 5, 7-8");
  CHECK(shortened("abcdef", 4) == "abc…");
  CHECK(shortened("abcd", 4) == "abcd");
  CHECK(wrapped("aa bb cc", 2, 8) == "aa bb\n  cc");
}

TEST_CASE("every format is listed once", "[report]") {
  REQUIRE(writers().size() >= 2);
  for (const Writer& writer : writers()) CHECK(find_writer(writer.format) == &writer);
  CHECK(find_writer("pdf") == nullptr);
}

#include "report/redact.h"

#include "catch.h"
#include "report/redact_text.h"

using namespace pastonly;
using namespace pastonly::report;

TEST_CASE("sentences of checks lose names, paths, quotes and numbers", "[redact]") {
  TextRedactor texts;
  texts.hide("/data/acme/step-9.out.safetensors", "withheld");
  texts.hide("secret", "withheld");
  CHECK(texts.scrubbed("in /data/acme/step-9.out.safetensors, row 3: 0.40027") == "in withheld, row #: #");
  CHECK(texts.scrubbed("step-9.out.safetensors: bad") == "withheld: bad");
  CHECK(texts.scrubbed("tensor 'layers.0.mask' of other.npz") == "tensor \"…\" of …");
  CHECK(texts.scrubbed("a layer's rule, 1,024 tokens") == "a layer's rule, # tokens");
  CHECK(texts.scrubbed("1e-07 and -3.5 and 0x1f") == "#e-# and -# and #x#f");
  CHECK(texts.scrubbed("secrets of secret") == "secrets of withheld");
  CHECK(texts.scrubbed("an unclosed 'quote") == "an unclosed 'quote");
  CHECK(texts.scrubbed("").empty());
}

TEST_CASE("the judge's own numbers stay, what it quotes does not", "[redact]") {
  TextRedactor texts;
  texts.say("expert 5 (0.117) chosen", "withheld");
  CHECK(texts.judged("12 trials, 22.1%: expert 5 (0.117) chosen") == "12 trials, 22.1%: withheld");
}

TEST_CASE("names that sentences are made of stay", "[redact]") {
  TextRedactor texts;
  texts.hide("plan", "withheld");
  texts.hide("x", "withheld");
  texts.hide("", "withheld");
  texts.say("", "withheld");
  CHECK(texts.judged("no run of the plan changes x") == "no run of the plan changes x");
}

TEST_CASE("a witness keeps its place and loses the rest", "[redact]") {
  Report report;
  report.subject.kind = "plan";
  report.subject.tokens = 1000;
  Report::Finding finding;
  finding.check = "rule-identification";
  finding.claim = "leaky-rule";
  finding.message = "layer 0: expert 5 (0.117288) chosen";
  finding.witness = Value::Object{
      {"type", "rule"}, {"rule", "expert-choice"}, {"layer", 0},   {"expert", 5}, {"score_before", 0.117288},
      {"position", 7},  {"run", "a.safetensors"},  {"token", 4711}};
  report.findings.push_back(finding);
  Report::Layer layer;
  layer.facts.rule =
      LayerFacts::Rule{"expert-threshold",
                       true,
                       Value::Object{{"k", 2}, {"threshold", 0.117288}, {"bias", Value::Array{0.5}}},
                       1.0,
                       {}};
  report.layers.push_back(layer);
  const auto redacted = redact(report);
  REQUIRE(redacted);
  const auto& one = redacted->findings.front();
  CHECK(one.message == "rule-identification/leaky-rule (expert-choice): its sentence is withheld");
  CHECK(one.witness ==
        Value(Value::Object{{"type", "withheld"}, {"layer", 0}, {"position", 7}, {"rule", "expert-choice"}}));
  CHECK(redacted->layers.front().facts.rule->parameters == Value(Value::Object{{"k", 2}}));
  REQUIRE(redacted->redaction);
  CHECK(redacted->redaction->digest.size() == 64);
}

TEST_CASE("few tokens are not redacted", "[redact]") {
  Report report;
  report.subject.kind = "trace";
  report.subject.tokens = 63;
  CHECK_FALSE(redact(report));
  report.subject.tokens = 64;
  CHECK(redact(report));
  report.subject.kind = "configuration";
  CHECK_FALSE(redact(report));
}

#include <string>

#include "audits/checks.h"
#include "catch.h"
#include "toy/observe.h"

using namespace pastonly;
using namespace pastonly::toy;

namespace {

Ran identify(const std::string& model, const std::string& record = "") {
  const auto subject = subject_of(
      R"({"model": {)" + model +
      R"(}, "plan": {"sequences": 4, "positions": 64, "batch": [[0]]}, "record": {)" + record + "}}");
  return run_check(audits::rule_identification_check, *subject);
}

std::string text(const Value& value, std::string_view key) {
  const auto* found = value.find(key);
  REQUIRE(found);
  REQUIRE(found->text());
  return *found->text();
}

}  // namespace

TEST_CASE("rule-identification accuses a leaky rule with what refutes the causal ones",
          "[rule-identification]") {
  for (const char* rule :
       {"expert-choice,k=2,chunk=16", "gshard-top-2,capacity=48", "drop-by-score,k=2,capacity=48",
        "batch-priority,k=2,capacity=48", "sinkhorn,k=2"}) {
    CAPTURE(rule);
    const Ran ran = identify("\"rules\": [\"top-k,k=2\", \"" + std::string(rule) + "\", \"top-k,k=2\"]");
    const Claim* claim = find_claim(ran, "leaky-rule");
    REQUIRE(claim);
    CHECK(claim->basis == Claim::Basis::observation);
    REQUIRE(claim->layers.size() == 1);
    CHECK(claim->layers.front() == LayerIndex{1});
    CHECK(text(claim->witness, "type") == "rule");
    CHECK_FALSE(text(claim->witness, "rule").empty());
    const auto* refuted = claim->witness.find("counterexamples");
    REQUIRE(refuted);
    REQUIRE(refuted->array());
    CHECK_FALSE(refuted->array()->empty());
    CHECK_FALSE(find_claim(ran, "unexplained"));
    REQUIRE(ran.layers.size() == 3);
    CHECK(ran.layers[1].rule->causal == false);
    CHECK(ran.layers[0].rule->id == "top-k");
  }
}

TEST_CASE("rule-identification accuses no causal rule, in float or half precision", "[rule-identification]") {
  for (const char* record : {"", R"("dtype": "bf16")"}) {
    for (const char* rule : {"top-k,k=2", "token-major-capacity,k=2,capacity=48", "fixed-capacity,capacity=6",
                             "expert-choice(streaming),k=2,chunk=16", "expert-threshold,thresholds=0.2",
                             "group-limited-top-k,k=2,groups=4,topk_groups=2"}) {
      CAPTURE(record, rule);
      const Ran ran = identify("\"rule\": \"" + std::string(rule) + "\"", record);
      CHECK_FALSE(find_claim(ran, "leaky-rule"));
      if (std::string(record).empty()) CHECK_FALSE(find_claim(ran, "unexplained"));
    }
  }
}

TEST_CASE("A second choice drawn by chance is no leak while no capacity is reached",
          "[rule-identification]") {
  const std::string rule = R"("rule": "gshard-top-2(random-second),second=drawn,capacity=)";
  const Ran open = identify(rule + "256\"");
  CHECK_FALSE(find_claim(open, "leaky-rule"));
  CHECK(find_claim(open, "unexplained"));
  REQUIRE_FALSE(open.layers.empty());
  CHECK(open.layers[0].rule->id == "gshard-top-2(random-second)");
  CHECK_FALSE(open.layers[0].rule->causal.has_value());
  const Ran full = identify(rule + "24\"");
  CHECK(find_claim(full, "leaky-rule"));
  CHECK(full.layers.at(0).rule->causal == false);
}

TEST_CASE("rule-identification leaves unrecorded noise unexplained", "[rule-identification]") {
  const Ran ran = identify(R"("rule": "noisy-top-k,k=2,noise=-1")");
  CHECK(find_claim(ran, "unexplained"));
  CHECK_FALSE(find_claim(ran, "leaky-rule"));
  REQUIRE_FALSE(ran.layers.empty());
  CHECK_FALSE(ran.layers[0].rule->id.has_value());
  CHECK_FALSE(ran.layers[0].rule->causal.has_value());
}

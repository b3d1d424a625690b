#include <string>

#include "catch.h"
#include "evidence/observations.h"
#include "shared.h"
#include "subjects/recorded.h"

using namespace pastonly;

namespace {

std::vector<LayerFacts::Rule> rules_of(const std::filesystem::path& plan) {
  auto subject = subjects::open_recorded(plan);
  REQUIRE(subject);
  evidence::Observations observations(**subject);
  const auto rules = observations.rules();
  REQUIRE(rules);
  REQUIRE(rules->size() == 3);
  return *rules;
}

std::int64_t whole(const LayerFacts::Rule& rule, std::string_view key) {
  const auto number = rule.parameters.integer(key);
  REQUIRE(number.has_value());
  return *number;
}

}  // namespace

TEST_CASE("Recorded plans: the rule that trained each model is found in every layer", "[identify][traces]") {
  const auto traces = shared_data("traces");
  if (!traces) return;
  SECTION("expert choice, chunk 64") {
    for (const auto& rule : rules_of(*traces / "ec-chunk64")) {
      CHECK(rule.id == "expert-choice");
      CHECK(rule.causal == false);
      CHECK(whole(rule, "chunk") == 64);
      CHECK(whole(rule, "capacity") == 16);
    }
  }
  SECTION("expert choice, chunk 16, uniform source") {
    for (const auto& rule : rules_of(*traces / "ec-uniform-chunk16")) {
      CHECK(rule.id == "expert-choice");
      CHECK(rule.causal == false);
      CHECK(whole(rule, "chunk") == 16);
      CHECK(whole(rule, "capacity") == 4);
    }
  }
  SECTION("GShard top-2") {
    for (const auto& rule : rules_of(*traces / "gshard-top2")) {
      CHECK(rule.id == "gshard-top-2");
      CHECK(rule.causal == false);
      CHECK(whole(rule, "k") == 2);
      CHECK(whole(rule, "capacity") == 256);
    }
  }
  SECTION("first come, first served") {
    for (const auto& rule : rules_of(*traces / "drop-position")) {
      CHECK(rule.id == "token-major-capacity");
      CHECK(rule.causal != false);
      CHECK(whole(rule, "k") == 2);
      CHECK(whole(rule, "capacity") == 256);
    }
  }
  SECTION("loss-free bias: one offset serves all batches") {
    for (const auto& rule : rules_of(*traces / "lossfree")) {
      CHECK(rule.id == "biased-top-k");
      CHECK(rule.causal == true);
      CHECK(whole(rule, "k") == 2);
    }
  }
  SECTION("plain top-k: capacities that were never reached are listed beside it") {
    for (const auto& rule : rules_of(*traces / "topk-aux")) {
      CHECK(rule.id == "top-k");
      CHECK_FALSE(rule.causal.has_value());
      CHECK(whole(rule, "k") == 2);
      CHECK(rule.candidates.size() > 1);
    }
  }
}

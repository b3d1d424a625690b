#include "evidence/prefer_declared_rule.h"

#include "catch.h"

namespace pastonly {
namespace {

/// Decisions that two causal rules and one that looks ahead explain.
routing::Identification open_layer() {
  routing::Identification layer;
  layer.rule.candidates = {{"top-k", true, Value::Object{{"k", 2}}, 1.0, {"k-means"}},
                           {"biased-top-k", true, {}, 1.0, {}},
                           {"drop-by-score", false, {}, 1.0, {}}};
  layer.rule.id = "top-k";
  layer.rule.explained = 1.0;
  return layer;
}

}  // namespace

TEST_CASE("a causal rule that is known to route rules out its look-alikes", "[subject][known-rule]") {
  auto layer = open_layer();
  evidence::prefer_declared_rule(layer, "biased-top-k");
  CHECK(layer.rule.id == "biased-top-k");
  CHECK(layer.rule.causal == true);
  REQUIRE(layer.rule.candidates.size() == 1);

  layer = open_layer();
  evidence::prefer_declared_rule(layer, "k-means");
  CHECK(layer.rule.id == "top-k");
  CHECK(layer.rule.parameters.find("k") != nullptr);
  CHECK(layer.rule.candidates.size() == 1);
}

TEST_CASE("a known rule that looks ahead or explains nothing leaves a layer as it is",
          "[subject][known-rule]") {
  for (const auto* rule : {"drop-by-score", "expert-choice", ""}) {
    CAPTURE(rule);
    auto layer = open_layer();
    evidence::prefer_declared_rule(layer, rule);
    CHECK(layer.rule.id == "top-k");
    CHECK(layer.rule.causal == std::nullopt);
    CHECK(layer.rule.candidates.size() == 3);
  }
}

}  // namespace pastonly

#include "integrity/plan_facts.h"

#include "catch.h"

using namespace pastonly;

namespace {

/// Two layers, 1 and 3, of 8 experts; token t has counts[t] of them.
Trace with_counts(const std::vector<std::size_t>& counts, std::string rule = "") {
  TraceData data;
  data.layout = {1, counts.size()};
  data.vocab = 100;
  data.rule = std::move(rule);
  for (const std::uint32_t index : {1U, 3U}) {
    TraceData::Layer& layer = data.layers.emplace_back();
    layer.index = LayerIndex{index};
    layer.mask.reset(counts.size(), 8);
    for (std::size_t t = 0; t < counts.size(); ++t) {
      for (std::size_t e = 0; e < counts[t]; ++e) layer.mask(t, e) = 1;
    }
  }
  return make_trace(std::move(data));
}

}  // namespace

TEST_CASE("what a plan says of its model is what its traces show", "[integrity]") {
  const Trace trace = with_counts({2, 2, 2});
  const auto why = [](const input::Plan::Model& model, const Trace& of) {
    return integrity::contradicts_plan(model, of);
  };
  CHECK(why({}, trace) == "");
  CHECK(why({{1, 3, 5}, 8, 2, 100, {0, 99}}, trace) == "");
  CHECK(why({{}, {}, {}, 64, {}}, trace) == "'model.vocab' is 64, __metadata__ vocab 100");
  CHECK(why({{}, {}, {}, {}, {100}}, trace) == "'model.special' names token 100, the vocabulary has 100");
  CHECK(why({{1, 2}, {}, {}, {}, {}}, trace) == "'model.layers' names 1, 2, and layer 3 is recorded");
  CHECK(why({{}, 16, {}, {}, {}}, trace) == "'model.experts' is 16, layer 1 has 8");
  const input::Plan::Model three{{}, {}, 3, {}, {}};
  CHECK(why(three, trace) == "'model.top_k' is 3, every token of layer 1 has 2 experts");
  // Drops, choices by experts and layers that routed nothing tell no k.
  CHECK(why(three, with_counts({3, 2, 3})) == "");
  CHECK(why(three, with_counts({0, 8, 1})) == "");
  CHECK(why(three, with_counts({0, 0, 0})) == "");
  CHECK(why(three, with_counts({0, 8, 1}, R"({"id": "expert-choice", "k": 2})")) ==
        "'model.top_k' is 3, the declared rule has k = 2");
  CHECK(why(three, with_counts({0, 8, 1}, R"({"id": "expert-choice", "k": 3})")) == "");
}

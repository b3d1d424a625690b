#include "replay/streaming_change.h"

#include <algorithm>
#include <cmath>

#include "catch.h"
#include "pastonly/routing_rule.h"
#include "replay/rearranged.h"
#include "replay/streamed_capacity.h"
#include "toy/observe.h"

using namespace pastonly;
using namespace pastonly::toy;

namespace {

Trace trace_of(const std::string& rule, const std::string& rest = "") {
  const auto subject = subject_of(R"({"model": {"layers": 1, "rule": ")" + rule + "\"" + rest +
                                  R"(}, "plan": {"plan": false, "sequences": 3, "positions": 32}})");
  return *subject->observe(subject->interventions().front());
}

LayerFacts::Rule rule_of(const std::string& text) {
  const auto spec = parse_rule(text);
  REQUIRE(spec);
  LayerFacts::Rule rule;
  rule.id = spec->id;
  rule.parameters = Value(spec->parameters);
  return rule;
}

/// Selection on the first n tokens alone, with the capacity of the whole batch, read off the last of them.
Mask by_rerouting(const Trace& trace, const std::string& rule) {
  const auto spec = parse_rule(rule);
  REQUIRE(spec);
  const auto made = make_rule(spec->id, spec->parameters);
  REQUIRE(made);
  std::vector<float> scratch;
  const auto scores = read_floats(*trace.layers[0].scores, 0, trace.layout.tokens(), scratch);
  Mask out(scores.rows(), scores.columns());
  for (std::size_t t = 0; t < scores.rows(); ++t) {
    Routing routing;
    RoutingContext context;
    context.layout = {1, t + 1};
    (*made)->select(scores.rows(0, t + 1), context, routing);
    for (std::size_t e = 0; e < scores.columns(); ++e) out(t, e) = routing.mask(t, e);
  }
  return out;
}

std::size_t differing(const Mask& a, const Mask& b) {
  std::size_t count = 0;
  for (std::size_t t = 0; t < a.tokens(); ++t) {
    for (std::size_t e = 0; e < a.experts(); ++e) count += a(t, e) != b(t, e);
  }
  return count;
}

}  // namespace

TEST_CASE("streaming of capped rules agrees with routing every prefix", "[streaming]") {
  for (const char* rule :
       {"gshard-top-2,k=2,capacity=20", "gshard-top-2,k=3,capacity=24", "batch-priority,k=2,capacity=18",
        "drop-by-score,k=2,capacity=20", "drop-by-score,k=3,capacity=30,rank=renormalised"}) {
    for (const char* model : {"", R"(, "quantise": 0.5)"}) {
      CAPTURE(rule, model);
      const Trace trace = trace_of(rule, model);
      const auto again = replay::replay_rule(trace, trace.layers[0], rule_of(rule));
      REQUIRE(again);
      const auto moved = replay::streaming_change(trace, trace.layers[0], *again, 1 << 20, 1);
      REQUIRE(moved);
      CHECK_FALSE(moved->sampled);
      CHECK(moved->decisions == trace.layout.tokens() * 8);
      CHECK(moved->changed == differing(read_mask(trace.layers[0]), by_rerouting(trace, rule)));
      CHECK(moved->changed > 0);
    }
  }
}

TEST_CASE("streaming of capped rules takes tokens in router order and leaves padding out", "[streaming]") {
  // Two sequences of two, sequence-major: the router saw tokens 0, 2, 1, 3. Expert 0 has one slot.
  const std::vector<float> scores{0.9F, 0.1F, 0.8F, 0.2F, 0.7F, 0.3F, 0.6F, 0.4F};
  const std::vector<std::uint8_t> mask{1, 0, 0, 0, 0, 0, 0, 0};
  const std::vector<std::size_t> order{0, 2, 1, 3}, last_first{3, 1, 2, 0};
  const replay::CappedChoice first_choices{1, 1, replay::Admit::choice_major},
      by_score{1, 1, replay::Admit::by_priority};
  const auto changes = [&](const std::vector<std::size_t>& tokens, const replay::CappedChoice& rule) {
    return replay::streamed_changes({scores.data(), 4, 2}, {mask.data(), 4, 2}, tokens, rule);
  };
  CHECK(changes(order, first_choices) == 0);
  CHECK(changes(last_first, first_choices) == 2);  // token 3 is kept, token 0 no longer
  CHECK(changes(order, by_score) == 0);
  CHECK(changes(last_first, by_score) == 2);  // tokens 3 and 1 are kept too: nothing better is seen yet
  CHECK(changes(std::vector<std::size_t>{1, 3}, first_choices) == 1);
}

TEST_CASE("streaming of expert choice keeps the best ceil(R n) seen so far", "[streaming]") {
  const Trace trace = trace_of("expert-choice,k=2,chunk=16");
  const auto again = replay::replay_rule(trace, trace.layers[0], rule_of("expert-choice,k=2,chunk=16"));
  REQUIRE(again);
  std::vector<float> scratch;
  const auto scores = read_floats(*trace.layers[0].scores, 0, trace.layout.tokens(), scratch);
  Mask expected(scores.rows(), 8);
  for (std::size_t t = 0; t < scores.rows(); ++t) {
    for (std::size_t e = 0; e < 8; ++e) {
      const std::size_t first = t / 16 * 16;
      std::size_t ahead = 0;
      for (std::size_t v = first; v < t; ++v) ahead += scores(v, e) >= scores(t, e);
      expected(t, e) = ahead < (2 * (t - first + 1) + 7) / 8;
    }
  }
  const std::size_t changed = differing(read_mask(trace.layers[0]), expected);
  const auto all = replay::streaming_change(trace, trace.layers[0], *again, 1 << 20, 1);
  REQUIRE(all);
  CHECK(all->changed == changed);
  CHECK_FALSE(all->sampled);
  const auto some = replay::streaming_change(trace, trace.layers[0], *again, 256, 1);
  REQUIRE(some);
  CHECK(some->sampled);
  CHECK(some->decisions == 256);
  const auto columns = replay::streaming_change(trace, trace.layers[0], *again, 32, 1);
  REQUIRE(columns);
  CHECK(columns->decisions == 32);
}

TEST_CASE("causal rules do not change by streaming, shuffling moves what competes", "[streaming]") {
  for (const char* rule :
       {"top-k,k=2", "token-major-capacity,k=2,capacity=20", "expert-choice(streaming),k=2,chunk=16"}) {
    CAPTURE(rule);
    const Trace trace = trace_of(rule);
    const auto again = replay::replay_rule(trace, trace.layers[0], rule_of(rule));
    REQUIRE(again);
    CHECK(replay::streaming_change(trace, trace.layers[0], *again, 1 << 20, 1)->changed == 0);
    const auto moved = replay::shuffled(trace, trace.layers[0], *again, 1 << 20, 1);
    REQUIRE(moved);
    CHECK((moved->changed > 0) == (rule[1] != 'o' || rule[2] != 'p'));
  }
}

TEST_CASE("at its own width a rule makes the recorded decisions again", "[streaming]") {
  for (const char* rule : {"expert-choice,k=2,chunk=16", "expert-choice,capacity=4,chunk=16", "sinkhorn,k=1",
                           "gshard-top-2,k=2,capacity=20", "assignment"}) {
    CAPTURE(rule);
    const Trace trace = trace_of(rule);
    const auto again = replay::replay_rule(trace, trace.layers[0], rule_of(rule));
    REQUIRE(again);
    const auto same = replay::rechunked(trace, trace.layers[0], *again, again->width, 1 << 20, 1);
    REQUIRE(same);
    CHECK(same->changed == 0);
    const auto half = replay::rechunked(trace, trace.layers[0], *again, again->width / 2, 1 << 20, 1);
    REQUIRE(half);
    CHECK(half->changed > 0);
  }
}

#include "catch.h"
#include "replay/rearranged.h"
#include "replay/replay_rule.h"
#include "replay/streaming_change.h"
#include "replay/whole_run.h"
#include "routing/identify/shared/apply_ranking.h"
#include "stats/random.h"
#include "unit/routing/batches.h"
#include "unit/routing/made.h"

using namespace pastonly;

namespace {

constexpr std::size_t experts = 8, sequences = 4, positions = 64;

std::vector<float> random_logits(std::uint64_t seed) {
  stats::CounterRng rng(seed);
  std::vector<float> logits(sequences * positions * experts);
  for (float& logit : logits) logit = static_cast<float>(rng.normal());
  return logits;
}

std::vector<float> ranked(std::vector<float> scores, std::string_view ranking) {
  for (std::size_t at = 0; at < scores.size(); at += experts)
    routing::apply_ranking(std::span(scores).subspan(at, experts), ranking);
  return scores;
}

/// A trace that records `values` of a layer that the rule routed by `scores`.
Trace recorded(std::string_view rule, const std::vector<float>& values, const std::vector<float>& scores) {
  const Trace shape =
      batch_of(sequences, positions, experts, scores, std::vector<std::uint8_t>(scores.size(), 0));
  TraceData data;
  data.layout = shape.layout;
  TraceData::Layer layer;
  layer.mask = replay::select_run(*made(rule), shape, scores);
  layer.logits = values;
  data.layers.push_back(std::move(layer));
  return make_trace(std::move(data));
}

LayerFacts::Rule named(std::string_view text, std::string_view ranking) {
  const auto spec = parse_rule(text);
  REQUIRE(spec);
  LayerFacts::Rule rule;
  rule.id = spec->id;
  Value::Object parameters = spec->parameters;
  if (!ranking.empty()) parameters.emplace_back("ranking", std::string(ranking));
  rule.parameters = std::move(parameters);
  return rule;
}

}  // namespace

TEST_CASE("Replays of a rule that ranked a transform give what they give where the transform was recorded",
          "[replay]") {
  for (const std::string ranking : {"softmax", "sigmoid", "log-score of softmax"}) {
    for (const auto* rule : {"expert-choice,k=2,chunk=32", "drop-by-score,k=2,capacity=48", "sinkhorn,k=2",
                             "drop-by-score,k=2,capacity=48,rank=renormalised",
                             "batch-priority,k=2,capacity=12,scope=sequence"}) {
      CAPTURE(rule, ranking);
      const auto logits = random_logits(3);
      const auto scores = ranked(logits, ranking);
      const Trace hidden = recorded(rule, logits, scores), open = recorded(rule, scores, scores);
      const auto one = replay::replay_rule(hidden, hidden.layers[0], named(rule, ranking));
      const auto other = replay::replay_rule(open, open.layers[0], named(rule, ""));
      REQUIRE(one);
      REQUIRE(other);
      const auto streamed = replay::streaming_change(hidden, hidden.layers[0], *one, 1 << 20, 5);
      REQUIRE(streamed);
      CHECK((streamed->changed > 0 || streamed->sampled));
      CHECK(streamed->changed == replay::streaming_change(open, open.layers[0], *other, 1 << 20, 5)->changed);
      // Too small a budget for whole columns: expert choice is sampled by expert.
      CHECK(replay::streaming_change(hidden, hidden.layers[0], *one, 100, 5)->changed ==
            replay::streaming_change(open, open.layers[0], *other, 100, 5)->changed);
      CHECK(replay::shuffled(hidden, hidden.layers[0], *one, 1 << 20, 5)->changed ==
            replay::shuffled(open, open.layers[0], *other, 1 << 20, 5)->changed);
      CHECK(replay::rechunked(hidden, hidden.layers[0], *one, 64, 1 << 20, 5)->changed ==
            replay::rechunked(open, open.layers[0], *other, 64, 1 << 20, 5)->changed);
    }
  }
}

TEST_CASE("A rule applied to all that its transform made gives the record back", "[replay]") {
  const auto logits = random_logits(4);
  const auto* rule = "drop-by-score,k=2,capacity=48";
  const Trace trace = recorded(rule, logits, ranked(logits, "softmax"));
  const auto again =
      replay::select_run(*made(rule), trace, replay::ranked_scores(trace, trace.layers[0], "softmax"));
  CHECK(again == read_mask(trace.layers[0]));
  CHECK_FALSE(replay::select_run(*made(rule), trace, replay::ranked_scores(trace, trace.layers[0])) == again);
}

#include <algorithm>
#include <cmath>
#include <cstring>

#include "catch.h"
#include "identify_cases.h"
#include "replay/whole_run.h"
#include "stats/random.h"
#include "unit/routing/batches.h"
#include "unit/routing/made.h"

using namespace pastonly;

namespace {

constexpr std::size_t wide = 8, many = 256;

std::vector<float> random_logits(std::uint64_t seed) {
  stats::CounterRng rng(seed);
  std::vector<float> logits(many * wide);
  for (float& logit : logits) logit = static_cast<float>(rng.normal());
  return logits;
}

std::vector<float> softmax_of(const std::vector<float>& logits) {
  std::vector<float> out(logits.size());
  for (std::size_t first = 0; first < logits.size(); first += wide) {
    double sum = 0.0;
    for (std::size_t e = 0; e < wide; ++e) sum += std::exp(static_cast<double>(logits[first + e]));
    for (std::size_t e = 0; e < wide; ++e)
      out[first + e] = static_cast<float>(std::exp(static_cast<double>(logits[first + e])) / sum);
  }
  return out;
}

/// A trace that records `logits`, routed by a rule that ranked `scores`.
Trace logged(std::string_view rule, const std::vector<float>& logits, const std::vector<float>& scores) {
  const Trace shape = batch_of(4, many / 4, wide, scores, std::vector<std::uint8_t>(scores.size(), 0));
  TraceData data;
  data.layout = shape.layout;
  TraceData::Layer layer;
  layer.mask = replay::select_run(*made(rule), shape, scores);
  layer.logits = logits;
  data.layers.push_back(std::move(layer));
  return make_trace(std::move(data));
}

std::string ranking(const routing::Identification& found) {
  const auto* name = found.rule.parameters.text("ranking");
  return name != nullptr ? *name : "";
}

}  // namespace

TEST_CASE("Rules that rank softmax scores are found where logits were recorded", "[identify]") {
  for (const auto* rule :
       {"expert-choice,k=2", "drop-by-score,k=2,capacity=48",
        "drop-by-score,k=2,capacity=48,rank=renormalised", "batch-priority,k=2,capacity=48"}) {
    CAPTURE(rule);
    const auto logits = random_logits(21);
    const auto found = identify_traces({logged(rule, logits, softmax_of(logits))});
    CHECK(found.rule.id == std::string(rule).substr(0, std::string(rule).find(',')));
    CHECK(ranking(found) == "softmax");
    CHECK(found.rule.causal != true);
  }
}

TEST_CASE("A bias added to sigmoid scores is found where logits were recorded", "[identify]") {
  const auto logits = random_logits(22);
  auto scores = logits;
  std::ranges::transform(scores, scores.begin(), [](float x) { return 1.0F / (1.0F + std::exp(-x)); });
  const auto found =
      identify_traces({logged("biased-top-k,k=2,bias=[0.3;-0.3;0.2;0;0;-0.2;0.1;-0.1]", logits, scores)});
  CHECK(found.rule.id == "biased-top-k");
  CHECK(ranking(found) == "sigmoid");
}

TEST_CASE("Selection on scores rounded to bfloat16 accuses nobody", "[identify]") {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    CAPTURE(seed);
    std::vector<Trace> plan;
    for (const std::uint64_t batch : {seed, seed, seed + 1000}) {
      const auto scores = random_scores(many * wide, batch);
      auto rounded = scores;
      for (float& score : rounded) {
        std::uint32_t bits = 0;
        std::memcpy(&bits, &score, 4);
        bits = (bits + 0x7fffU + ((bits >> 16) & 1U)) & 0xffff0000U;
        std::memcpy(&score, &bits, 4);
      }
      plan.push_back(batch_of(4, many / 4, wide, scores, best_of(rounded, wide, 2)));
    }
    const auto found = identify_traces(plan);
    CHECK(found.rule.id == "top-k");
    CHECK(found.rule.causal != false);
    CHECK_FALSE(lists(found, "sinkhorn"));
  }
}

#include "comparison/agreement.h"

#include <cmath>

#include "catch.h"
#include "stats/random.h"

namespace pastonly {
namespace {

constexpr std::size_t sequence_count = 6, position_count = 32, expert_count = 8;

/// Top-2 of random scores; every token keeps the scores of `seed` except with this probability, when it takes
/// those of another stream.
TraceData drawn(std::uint64_t seed, double redrawn) {
  TraceData data;
  data.layout = {sequence_count, position_count, TokenOrder::batch_major};
  TraceData::Layer layer;
  layer.mask.reset(data.layout.tokens(), expert_count);
  stats::CounterRng own(seed, 1), other(seed, 2), luck(seed, 3);
  for (std::size_t t = 0; t < data.layout.tokens(); ++t) {
    data.tokens.push_back(static_cast<std::int64_t>(t % 7));
    float one[expert_count], two[expert_count];
    for (float& score : one) score = static_cast<float>(own.uniform());
    for (float& score : two) score = static_cast<float>(other.uniform());
    const float* scores = luck.uniform() < redrawn ? two : one;
    std::size_t best = 0, second = 1;
    if (scores[1] > scores[0]) std::swap(best, second);
    for (std::size_t e = 2; e < expert_count; ++e) {
      if (scores[e] > scores[best])
        second = best, best = e;
      else if (scores[e] > scores[second])
        second = e;
    }
    layer.mask(t, best) = layer.mask(t, second) = 1;
    layer.scores.insert(layer.scores.end(), scores, scores + expert_count);
  }
  data.layers.push_back(std::move(layer));
  return data;
}

}  // namespace

TEST_CASE("agreement counts what a loop counts", "[agreement]") {
  const TraceData a = drawn(1, 0.0), b = drawn(1, 0.4);
  std::size_t routes = 0, kept = 0, same = 0;
  double drift = 0.0;
  for (std::size_t t = 0; t < a.layout.tokens(); ++t) {
    bool equal = true;
    double sums[2] = {0.0, 0.0};
    for (std::size_t e = 0; e < expert_count; ++e) {
      const bool first = a.layers[0].mask(t, e) != 0, second = b.layers[0].mask(t, e) != 0;
      routes += first;
      kept += first && second;
      equal = equal && first == second;
      sums[0] += static_cast<double>(a.layers[0].scores[t * expert_count + e]);
      sums[1] += static_cast<double>(b.layers[0].scores[t * expert_count + e]);
    }
    same += equal;
    for (std::size_t e = 0; e < expert_count; ++e) {
      drift += 0.5 * std::abs(static_cast<double>(a.layers[0].scores[t * expert_count + e]) / sums[0] -
                              static_cast<double>(b.layers[0].scores[t * expert_count + e]) / sums[1]);
    }
  }
  const auto tokens = static_cast<double>(a.layout.tokens());
  const auto agreed = comparison::agreement(make_trace(a), make_trace(b), 0.05, 1);
  REQUIRE(agreed);
  CHECK(agreed->tokens == a.layout.tokens());
  CHECK(agreed->tokens_known);
  REQUIRE(agreed->layers.size() == 1);
  const comparison::LayerAgreement& layer = agreed->layers[0];
  CHECK(layer.kept.value == Approx(static_cast<double>(kept) / static_cast<double>(routes)));
  CHECK(layer.same_tokens.value == Approx(static_cast<double>(same) / tokens));
  REQUIRE(layer.score_drift);
  CHECK(layer.score_drift->value == Approx(drift / tokens));
  REQUIRE(layer.kept.lower);
  CHECK((*layer.kept.lower < layer.kept.value && layer.kept.value < *layer.kept.upper));
}

TEST_CASE("models that know nothing of each other agree by chance, a model agrees with itself",
          "[agreement]") {
  double kept = 0.0, chance = 0.0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    const auto agreed =
        comparison::agreement(make_trace(drawn(seed, 0.0)), make_trace(drawn(seed, 1.0)), 0.05, 1);
    REQUIRE(agreed);
    kept += agreed->layers[0].kept.value / 40.0;
    chance += agreed->layers[0].by_chance / 40.0;
  }
  CHECK(chance == Approx(0.25).margin(0.005));  // two of eight
  CHECK(kept == Approx(chance).margin(0.01));
  const Trace own = make_trace(drawn(3, 0.0));
  const auto itself = comparison::agreement(own, own, 0.05, 1);
  REQUIRE(itself);
  CHECK(itself->layers[0].kept.value == 1.0);
  CHECK(itself->layers[0].same_tokens.value == 1.0);
  CHECK(itself->layers[0].score_drift->value == 0.0);
}

TEST_CASE("what cannot be compared is refused by name", "[agreement]") {
  const auto refusal = [](TraceData a, TraceData b) {
    const auto agreed = comparison::agreement(make_trace(std::move(a)), make_trace(std::move(b)), 0.05, 1);
    return agreed ? std::string() : agreed.error().message;
  };
  TraceData sound = drawn(1, 0.0);
  TraceData other = sound;
  other.tokens[33] = 6;
  CHECK(refusal(sound, other).find("hold other token ids than any row") != std::string::npos);
  other = sound;
  other.layout = {3, 64, TokenOrder::batch_major};  // two rows in one: found
  CHECK(refusal(sound, other).empty());
  other.tokens.assign(other.tokens.size(), 1000);
  CHECK(refusal(sound, other).find("no row of") != std::string::npos);
  other = sound;
  other.layers[0].index = LayerIndex{4};  // the same routes under another number
  CHECK(refusal(sound, other).empty());
  other = drawn(7, 0.0);
  other.layers[0].index = LayerIndex{4};
  CHECK(refusal(sound, other).find("no layer") != std::string::npos);
  other = sound;
  other.valid.assign(sound.layout.tokens(), 0);
  CHECK(refusal(sound, other).find("no row of") != std::string::npos);
  other = sound;
  other.tokens.clear();
  for (float& score : other.layers[0].scores) score -= 0.5F;
  const auto agreed = comparison::agreement(make_trace(sound), make_trace(other), 0.05, 1);
  REQUIRE(agreed);
  CHECK_FALSE(agreed->tokens_known);
  CHECK_FALSE(agreed->layers[0].score_drift);
}

}  // namespace pastonly

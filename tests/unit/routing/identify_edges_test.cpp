#include <algorithm>
#include <cmath>
#include <limits>

#include "catch.h"
#include "identify_cases.h"
#include "stats/random.h"
#include "unit/routing/made.h"

using namespace pastonly;

namespace {

Trace small_trace(std::size_t sequences, std::size_t positions, std::size_t experts,
                  std::vector<float> scores, const std::vector<std::uint8_t>& mask,
                  std::vector<std::uint8_t> valid = {}, std::vector<float> bias = {}) {
  TraceData data;
  data.layout = {sequences, positions, TokenOrder::batch_major};
  data.valid = std::move(valid);
  TraceData::Layer layer;
  layer.scores = std::move(scores);
  layer.bias = std::move(bias);
  layer.mask.reset(sequences * positions, experts);
  for (std::size_t i = 0; i < mask.size(); ++i) layer.mask(i / experts, i % experts) = mask[i];
  data.layers.push_back(std::move(layer));
  return make_trace(std::move(data));
}

std::string listed(const routing::Identification& found) {
  std::string ids;
  for (const auto& candidate : found.rule.candidates) ids += candidate.id + " ";
  return ids;
}

/// The mask of each token's k best of scores + bias.
std::vector<std::uint8_t> best_k(const std::vector<float>& scores, std::size_t n, std::size_t k,
                                 const std::vector<float>& bias) {
  std::vector<std::uint8_t> mask(scores.size(), 0);
  for (std::size_t first = 0; first < scores.size(); first += n) {
    for (std::size_t j = 0; j < k; ++j) {
      std::size_t best = n;
      for (std::size_t e = 0; e < n; ++e) {
        if (mask[first + e] != 0) continue;
        if (best == n || scores[first + e] + bias[e] > scores[first + best] + bias[best]) best = e;
      }
      mask[first + best] = 1;
    }
  }
  return mask;
}

}  // namespace

TEST_CASE("A score that is NaN leaves the layer unexplained", "[identify]") {
  auto scores = random_scores(32, 1);
  auto mask = best_k(scores, 4, 1, std::vector<float>(4, 0.0F));
  scores[13] = std::numeric_limits<float>::quiet_NaN();
  const auto found = identify_traces({small_trace(1, 8, 4, scores, mask)});
  CHECK_FALSE(found.rule.id.has_value());
  CHECK_FALSE(found.rule.causal.has_value());
  REQUIRE_FALSE(found.rejected.empty());
  CHECK(found.rejected.front().reason.find("position 3") != std::string::npos);
}

TEST_CASE("A score that is infinite makes no rule whose parameters are", "[identify]") {
  const std::vector<float> bias{0.3F, -0.2F, 0.1F, 0.0F, 0.25F, -0.1F, 0.05F, 0.15F};
  std::vector<float> scores(64 * 8);
  for (std::size_t i = 0; i < scores.size(); ++i)
    scores[i] = static_cast<float>(stats::CounterRng(5, i).uniform());
  scores[11] = std::numeric_limits<float>::infinity();
  const auto mask = best_k(scores, 8, 2, bias);
  const auto found = identify_traces({small_trace(1, 64, 8, scores, mask)});
  for (const auto& candidate : found.rule.candidates) {
    CAPTURE(candidate.id);
    const auto* fitted = candidate.parameters.array("bias");
    for (const Value& one : fitted != nullptr ? *fitted : Value::Array{}) CHECK(std::isfinite(*one.number()));
  }
}

TEST_CASE("Nothing routed, nothing to choose, one token: no claim beyond what is there", "[identify]") {
  SECTION("no token was routed") {
    const auto found =
        identify_traces({small_trace(1, 8, 4, random_scores(32, 2), std::vector<std::uint8_t>(32, 0))});
    CHECK_FALSE(found.not_judged.empty());
    CHECK_FALSE(found.rule.causal.has_value());
  }
  SECTION("every token takes every expert") {
    const auto found =
        identify_traces({small_trace(1, 8, 4, random_scores(32, 3), std::vector<std::uint8_t>(32, 1))});
    CHECK(found.rule.id == "top-k");
    CHECK_FALSE(found.rule.causal.has_value());
  }
  SECTION("one token") {
    const auto found = identify_traces({small_trace(1, 1, 4, {0.1F, 0.4F, 0.3F, 0.2F}, {0, 1, 0, 0})});
    CHECK(found.rule.id == "top-k");
  }
  SECTION("no token at all") {
    const auto found = identify_traces({small_trace(1, 0, 4, {}, {})});
    CHECK_FALSE(found.not_judged.empty());
    CHECK_FALSE(found.rule.id.has_value());
  }
  SECTION("one expert, chosen by a threshold over one batch: both stay open") {
    std::vector<float> scores = random_scores(64, 4);
    std::vector<std::uint8_t> mask(64);
    std::ranges::transform(scores, mask.begin(), [](float score) { return score > 0.7F ? 1 : 0; });
    const auto found = identify_traces({small_trace(1, 64, 1, scores, mask)});
    CHECK(lists(found, "mixture-of-depths"));
    CHECK(lists(found, "expert-threshold"));
    CHECK_FALSE(found.rule.causal.has_value());
  }
}

TEST_CASE("A mask of chance is unexplained, never causal", "[identify]") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    stats::CounterRng rng(seed, 9);
    const std::size_t n = 8, tokens = 128;
    std::vector<std::uint8_t> mask(tokens * n, 0);
    for (std::size_t token = 0; token < tokens; ++token) {
      mask[token * n + rng.below(n)] = 1;
      mask[token * n + rng.below(n)] = 1;
    }
    const auto found = identify_traces({small_trace(2, 64, n, random_scores(tokens * n, seed), mask)});
    CHECK_FALSE(found.rule.id.has_value());
    CHECK_FALSE(found.rule.causal.has_value());
    CHECK(found.rule.explained < 1.0);
  }
}

TEST_CASE("Equal shares alone are no balanced assignment", "[identify]") {
  constexpr std::size_t tokens = 512, experts = 8;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const auto scores = random_scores(tokens * experts, seed);
    std::vector<std::uint8_t> round_robin(tokens * experts, 0);
    for (std::size_t t = 0; t < tokens; ++t) round_robin[t * experts + t % experts] = 1;
    const auto found = identify_traces({small_trace(4, tokens / 4, experts, scores, round_robin)});
    INFO(seed << ": " << listed(found));
    CHECK_FALSE(lists(found, "assignment"));
    CHECK_FALSE(found.rule.causal.has_value());
  }
}

TEST_CASE("One decision against every causal rule turns the verdict", "[identify]") {
  // Expert choice over one chunk: thresholds explain it until one score at the border is exchanged between
  // two chunks of equal counts.
  IdentifyCase which{
      .id = "expert-choice", .parameters = {{"k", 2}, {"chunk", 256}}, .accepted = {}, .seed = 3};
  const auto one = make_case_trace(which);
  const auto single = identify_traces({one});
  CHECK(single.rule.id == "expert-choice");
  CHECK_FALSE(single.rule.causal.has_value());
  which.seed = 4;
  const auto other = make_case_trace(which);
  const auto both = identify_traces({one, other});
  CHECK(both.rule.id == "expert-choice");
  CHECK(both.rule.causal == false);
  CHECK_FALSE(lists(both, "expert-threshold"));
}

TEST_CASE("A bias that changes between two batches is open: the batch or the time between them set it",
          "[identify]") {
  const std::size_t n = 8, tokens = 256;
  std::vector<Trace> same, moved;
  for (std::uint64_t run = 0; run < 2; ++run) {
    const auto scores = random_scores(tokens * n, 40 + run);
    std::vector<float> bias(n, 0.0F);
    bias[2] = bias[5] = 0.3F;
    bias[0] = -0.2F;
    same.push_back(small_trace(4, 64, n, scores, best_k(scores, n, 2, bias)));
    bias[2] = run == 0 ? 0.3F : -0.3F;
    moved.push_back(small_trace(4, 64, n, scores, best_k(scores, n, 2, bias)));
  }
  const auto joint = identify_traces(same);
  CHECK(joint.rule.id == "biased-top-k");
  INFO("listed: " << listed(joint));
  CHECK(joint.rule.causal == true);
  const auto alone = identify_traces({same[0]});
  CHECK(alone.rule.id == "biased-top-k");
  CHECK_FALSE(alone.rule.causal.has_value());
  CHECK(lists(alone, "sinkhorn"));
  const auto apart = identify_traces(moved);
  CHECK_FALSE(apart.rule.causal.has_value());
  CHECK(apart.rule.parameters.find("state") != nullptr);
  CHECK(lists(apart, "biased-top-k(same-batch)"));
  const auto rejected =
      std::ranges::find(apart.rejected, std::string("biased-top-k"), &routing::Rejection::id);
  REQUIRE(rejected != apart.rejected.end());
  REQUIRE(rejected->at.has_value());
  const auto* cycle = rejected->at->details.find("cycle");
  REQUIRE(cycle != nullptr);
  CHECK(cycle->array()->size() >= 2);
}

TEST_CASE("A recorded bias that explains every decision settles a single batch", "[identify]") {
  const std::size_t n = 8, tokens = 256;
  const auto scores = random_scores(tokens * n, 50);
  std::vector<float> bias(n, 0.0F);
  bias[1] = 0.2F;
  bias[6] = -0.15F;
  const auto mask = best_k(scores, n, 2, bias);
  const auto verified = identify_traces({small_trace(4, 64, n, scores, mask, {}, bias)});
  CHECK(verified.rule.id == "biased-top-k");
  CHECK(verified.rule.causal == true);
  std::vector<float> wrong = bias;
  wrong[1] = -0.2F;
  const auto contradicted = identify_traces({small_trace(4, 64, n, scores, mask, {}, wrong)});
  CHECK_FALSE(contradicted.rule.causal.has_value());
}

TEST_CASE("Padding that nothing was routed for is left out", "[identify]") {
  const std::size_t n = 4, tokens = 64;
  auto scores = random_scores(tokens * n, 60);
  std::vector<std::uint8_t> valid(tokens, 1);
  auto mask = best_k(scores, n, 2, std::vector<float>(n, 0.0F));
  for (std::size_t token = 50; token < tokens; ++token) {
    valid[token] = 0;
    for (std::size_t e = 0; e < n; ++e) mask[token * n + e] = 0;
  }
  const auto found = identify_traces({small_trace(1, tokens, n, scores, mask, valid)});
  CHECK(found.rule.id == "top-k");
  CHECK(found.tokens == 50);
}

TEST_CASE("A mask derived from the scores is no observation", "[identify]") {
  const auto scores = random_scores(32, 70);
  auto trace = small_trace(1, 8, 4, scores, best_k(scores, 4, 1, std::vector<float>(4, 0.0F)));
  trace.layers[0].selection_applied = true;
  const auto found = identify_traces({trace});
  CHECK_FALSE(found.not_judged.empty());
  CHECK_FALSE(found.rule.id.has_value());
}

TEST_CASE("A table of token ids needs ids that come back", "[identify]") {
  const std::size_t n = 8, tokens = 64;
  const auto scores = random_scores(tokens * n, 80);
  std::vector<std::uint8_t> mask(tokens * n, 0);
  for (std::size_t token = 0; token < tokens; ++token) mask[token * n + (token * 5 + 3) % n] = 1;
  auto trace = small_trace(1, tokens, n, scores, mask);
  for (std::size_t token = 0; token < tokens; ++token)
    trace.tokens.push_back(static_cast<std::int64_t>(token));
  CHECK_FALSE(lists(identify_traces({trace}), "hash"));
  for (std::size_t token = 0; token < tokens; ++token)
    trace.tokens[token] = static_cast<std::int64_t>(token % n);
  CHECK(lists(identify_traces({trace}), "hash"));
}

TEST_CASE("An offset that decides only by ties of unequal scores is no explanation", "[identify]") {
  // The same scores, now one expert, now the other: the offset that fits makes both sums equal.
  std::vector<float> scores;
  std::vector<std::uint8_t> mask;
  for (std::size_t token = 0; token < 64; ++token) {
    scores.insert(scores.end(), {0.5F, 0.25F});
    const bool second = token % 3 == 0;
    mask.push_back(second ? 0 : 1);
    mask.push_back(second ? 1 : 0);
  }
  const auto found = identify_traces({small_trace(1, 64, 2, scores, mask)});
  INFO(listed(found));
  CHECK_FALSE(lists(found, "biased-top-k"));
  CHECK_FALSE(lists(found, "biased-top-k(same-batch)"));
  CHECK_FALSE(lists(found, "sinkhorn"));
  CHECK(std::ranges::any_of(found.rejected, [](const routing::Rejection& one) {
    return one.id == "biased-top-k" && one.at && one.at->message.find("tie of unequal") != std::string::npos;
  }));
}

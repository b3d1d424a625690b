#include <algorithm>
#include <cmath>

#include "catch.h"
#include "identify_cases.h"
#include "replay/whole_run.h"
#include "routing/identify/offsets/group_bias_fit.h"
#include "stats/random.h"
#include "unit/routing/batches.h"
#include "unit/routing/made.h"

using namespace pastonly;

namespace {

constexpr std::size_t across = 8, down = 256;

Trace routed_by(std::string_view rule, std::uint64_t seed, std::vector<float> scores = {}) {
  if (scores.empty()) scores = random_scores(down * across, seed);
  const Trace shape = batch_of(4, down / 4, across, scores, std::vector<std::uint8_t>(scores.size(), 0));
  const auto mask = replay::select_run(*made(rule), shape, scores);
  return batch_of(4, down / 4, across, scores, {mask.view().data(), mask.view().data() + scores.size()});
}

Trace above(const std::vector<float>& scores, const std::vector<float>& thresholds) {
  std::vector<std::uint8_t> mask(scores.size());
  for (std::size_t i = 0; i < scores.size(); ++i) mask[i] = scores[i] > thresholds[i % across] ? 1 : 0;
  return batch_of(4, down / 4, across, scores, mask);
}

/// Scores of experts that are not liked equally, so that some refuse many tokens.
std::vector<float> uneven_scores(std::uint64_t seed) {
  auto scores = random_scores(down * across, seed);
  for (std::size_t i = 0; i < scores.size(); ++i) scores[i] *= 1.0F + 0.1F * static_cast<float>(i % across);
  return scores;
}

/// The value that `count` scores exceed.
float exceeded_by(std::vector<float> scores, std::size_t count) {
  std::ranges::sort(scores, std::greater<>());
  return scores[count];
}

}  // namespace

TEST_CASE("First come, first served with one choice is causal: no rival looks ahead", "[identify]") {
  const auto found = identify_traces({routed_by("switch-capacity,capacity=34", 0, uneven_scores(31))});
  CHECK(found.rule.id == "switch-capacity");
  CHECK(found.rule.causal == true);
  CHECK_FALSE(lists(found, "random-token"));
  const auto two = identify_traces({routed_by("token-major-capacity,k=2,capacity=68", 0, uneven_scores(32))});
  CHECK(two.rule.id == "token-major-capacity");
  CHECK(two.rule.causal == true);
}

TEST_CASE("A rule that keeps the latest tokens is named, and leaks", "[identify]") {
  for (const auto* rule :
       {"drop-by-score,k=1,capacity=24,rank=latest", "drop-by-score,k=2,capacity=48,rank=latest"}) {
    const auto found = identify_traces({routed_by(rule, 33)});
    CHECK(found.rule.id == "drop-by-score");
    REQUIRE(found.rule.parameters.text("rank") != nullptr);
    CHECK(*found.rule.parameters.text("rank") == "latest");
    CHECK(found.rule.causal == false);
    CHECK_FALSE(lists(found, "random-token"));
  }
}

TEST_CASE("An overflow that goes to the next expert with room is first come, first served", "[identify]") {
  for (const auto* rule :
       {"switch-capacity,capacity=34,overflow=next", "token-major-capacity,k=2,capacity=70,overflow=next"}) {
    CAPTURE(rule);
    const auto found = identify_traces({routed_by(rule, 34)});
    const std::string text = rule;
    CHECK(found.rule.id == text.substr(0, text.find(',')));
    CHECK(found.rule.causal == true);
    REQUIRE(found.rule.parameters.text("overflow") != nullptr);
    CHECK_FALSE(lists(found, "random-token"));
  }
  // Every expert full: a balanced assignment has the same counts, and would not send on those who came late.
  const auto full =
      identify_traces({routed_by("switch-capacity,capacity=32,overflow=next", 0, uneven_scores(35))});
  CHECK(full.rule.id == "switch-capacity");
  CHECK(full.rule.causal == true);
  CHECK_FALSE(lists(full, "assignment"));
}

TEST_CASE("Thresholds that one batch shows may be its own", "[identify]") {
  const auto scores = random_scores(down * across, 36), other = random_scores(down * across, 37);
  std::vector<float> best(across, exceeded_by(scores, 2 * down)), quantiles(across);
  for (std::size_t e = 0; e < across; ++e) {
    std::vector<float> column;
    for (std::size_t t = 0; t < down; ++t) column.push_back(scores[t * across + e]);
    quantiles[e] = exceeded_by(column, 40 + 7 * e);
  }
  for (const auto& thresholds : {best, quantiles}) {
    const auto found = identify_traces({above(scores, thresholds)});
    CHECK(lists(found, "expert-threshold"));
    CHECK_FALSE(found.rule.causal.has_value());
    const auto both = identify_traces({above(scores, thresholds), above(other, thresholds)});
    CHECK(both.rule.id == "expert-threshold");
    CHECK(both.rule.causal == true);
  }
}

TEST_CASE("A threshold of zero for every expert is nobody's batch", "[identify]") {
  stats::CounterRng rng(38);
  std::vector<float> scores(down * across);
  for (float& score : scores) score = static_cast<float>(rng.normal());
  const auto found = identify_traces({above(scores, std::vector<float>(across, 0.0F))});
  CHECK(found.rule.id == "expert-threshold");
  CHECK(found.rule.causal == true);
}

TEST_CASE("Top-p and null experts of constant score are thresholds of a token's own", "[identify]") {
  for (const auto* rule : {"expert-threshold,mass=0.6", "expert-threshold,mass=0.7,most=4",
                           "expert-threshold,thresholds=0.6,most=3"}) {
    CAPTURE(rule);
    const auto found = identify_traces({routed_by(rule, 42), routed_by(rule, 43)});
    CHECK(found.rule.id == "expert-threshold");
    CHECK(found.rule.causal == true);
    const auto* mass = found.rule.parameters.find("mass");
    CHECK((mass != nullptr) == (std::string(rule).find("mass") != std::string::npos));
    // One constant that fits one batch may be that batch's.
    CHECK_FALSE(identify_traces({routed_by(rule, 42)}).rule.causal.has_value());
  }
  const auto found = identify_traces(
      {routed_by("expert-threshold,mass=0.6", 44), routed_by("expert-threshold,mass=0.6", 45)});
  CHECK(std::abs(found.rule.parameters.number("mass").value_or(0.0) - 0.6) < 0.01);
}

TEST_CASE("A group mask of zero is found where it lets other groups in", "[identify]") {
  std::vector<float> bias(across);
  for (std::size_t e = 0; e < across; ++e) bias[e] = -0.9F + 0.02F * static_cast<float>(e);
  const auto scores = random_scores(down * across, 39);
  for (const auto* mask : {"zero", "inf"}) {
    for (const auto* group_score : {"top2", "max"}) {
      CAPTURE(mask, group_score);
      std::string rule = std::string("group-limited-top-k,k=3,groups=4,topk_groups=2,group_mask=") + mask +
                         ",group_score=" + group_score + ",bias=[";
      for (std::size_t e = 0; e < across; ++e) rule += (e > 0 ? ";" : "") + std::to_string(bias[e]);
      const Trace routed = routed_by(rule + "]", 0, scores);
      const Mask decided = read_mask(routed.layers.front());
      const auto* data = decided.view().data();
      const auto found =
          identify_traces({batch_of(4, down / 4, across, scores, {data, data + scores.size()}, bias)});
      CHECK(found.rule.id == "group-limited-top-k");
      REQUIRE(found.rule.parameters.text("group_mask") != nullptr);
      CHECK(*found.rule.parameters.text("group_mask") == mask);
      CHECK(*found.rule.parameters.text("group_score") == group_score);
    }
  }
}

TEST_CASE("Fits of a bias inside groups read no more with more experts than their bound", "[identify]") {
  using routing::hypotheses::GroupBiasFit;
  for (const std::size_t experts : {16, 32, 64}) {
    const auto scores = random_scores(down * experts, 40), noise = random_scores(down * experts, 41);
    std::vector<float> noisy = scores;
    for (std::size_t i = 0; i < noisy.size(); ++i) noisy[i] += 0.1F * noise[i];
    const Trace trace = batch_of(4, down / 4, experts, scores, best_of(noisy, experts, 1));
    const routing::LayerRun run{0, trace.layout, true, &trace.layers.front(), {}, {}};
    const auto view = std::make_shared<const routing::hypotheses::RunView>(run);
    std::vector<routing::hypotheses::SampledToken> tokens;
    for (std::size_t token = 0; token < down; ++token) tokens.push_back({view, token});
    GroupBiasFit fit(tokens);
    std::size_t shapes = 0;
    for (std::size_t groups = 2; groups <= experts / 2; groups *= 2) {
      for (std::size_t best = 1; best < groups; ++best, ++shapes)
        fit.add({groups, best, true, false, {}}, std::vector<double>(experts, 0.0));
    }
    CHECK_FALSE(fit.run([](routing::hypotheses::GroupChoice&) { return false; }));
    CAPTURE(experts, shapes, fit.reads());
    CHECK(fit.reads() <= shapes * GroupBiasFit::first_epochs * GroupBiasFit::first_tokens +
                             std::max(GroupBiasFit::most_scores / experts,
                                      GroupBiasFit::fewest_fitted * GroupBiasFit::epochs * down));
    // What grows with the shapes, and so with the experts, is the brief trial of each.
    CHECK(fit.reads() >= shapes);
  }
}

#include <cmath>

#include "catch.h"
#include "combine_weights.h"
#include "dependence_grid.h"
#include "dependence_trial.h"
#include "unit/routing/made.h"

using namespace pastonly;

namespace {

/// An axis declared independent must show no flip in this many interventions, an axis declared
/// dependent must show one within this many.
constexpr std::size_t independent_trials = 60;
constexpr std::size_t dependent_trials = 3000;

void check_axes(const Observe& observe, const Dependence& dependence, const Layout& layout,
                const std::function<TrialOptions(Axis)>& options_for) {
  for (const Axis axis : all_axes) {
    INFO("axis " << name(axis) << ", " << layout.sequences << " x " << layout.positions
                 << (layout.order == TokenOrder::batch_major ? " batch-major" : " sequence-major"));
    const TrialOptions options = options_for(axis);
    stats::CounterRng rng(17, static_cast<std::uint64_t>(axis));
    const bool dependent = declared(dependence, axis);
    std::size_t trials = dependent ? dependent_trials : independent_trials;
    bool flipped = false;
    while (trials-- > 0 && !flipped) flipped = flips(observe, layout, axis, options, rng);
    CHECK(flipped == dependent);
  }
}

std::size_t chunk_of(const RoutingRule& rule) {
  return static_cast<std::size_t>(number(rule.parameters(), "chunk").value_or(1.0));
}

}  // namespace

TEST_CASE("declared dependence is confirmed by intervention", "[routing][dependence]") {
  for (const auto text : dependence_rules()) {
    INFO(text);
    const auto rule = made(text);
    for (const Layout& layout : dependence_layouts()) {
      const auto dependence = rule->dependence(layout, grid_experts);
      check_axes(observe_mask(*rule, layout.order), dependence, layout, [&](Axis axis) {
        TrialOptions options;
        options.width = grid_experts;
        // Between sequences an exact tie goes to the one that stands first: the one way in which the
        // order enters rules that rank tokens. Dependence is stated without it.
        options.ties = axis != Axis::order;
        // A chunk that divides the row keeps its borders if whole chunks are appended.
        const std::size_t chunk = chunk_of(*rule);
        if (layout.positions % chunk == 0) options.append_multiple = chunk;
        return options;
      });
    }
  }
}

TEST_CASE("token-wise rules do not depend on the order even where sequences tie", "[routing][dependence]") {
  for (const auto text : {"top-k,k=2", "biased-top-k,k=2,bias=[0.3;-0.2;0;0.1]", "noisy-top-k,k=2",
                          "fixed-capacity,capacity=2", "gshard-top-2,capacity=2,scope=sequence",
                          "expert-choice,k=1,scope=sequence", "expert-choice(streaming),k=1"}) {
    INFO(text);
    const auto rule = made(text);
    stats::CounterRng rng(3);
    for (int trial = 0; trial < 200; ++trial) {
      CHECK_FALSE(flips(observe_mask(*rule, TokenOrder::batch_major), {3, 8}, Axis::order, {}, rng));
    }
  }
}

TEST_CASE("a dividing chunk feels appended tokens that move its borders", "[routing][dependence]") {
  const auto rule = made("expert-choice,k=2,chunk=4");
  CHECK_FALSE(rule->dependence({3, 8}, 4).length);
  stats::CounterRng rng(5);
  TrialOptions one_token;
  bool flipped = false;
  for (int trial = 0; trial < 200; ++trial) {
    flipped =
        flipped || flips(observe_mask(*rule, TokenOrder::batch_major), {3, 8}, Axis::length, one_token, rng);
  }
  CHECK(flipped);
}

namespace {

/// The scores as positive weights, as after a softmax that was not normalised.
std::vector<float> exponentials(const std::vector<float>& values) {
  std::vector<float> weights(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) weights[i] = std::exp(values[i]);
  return weights;
}

/// Gates that carry the dependence while the mask does not; batch-major.
std::vector<float> observed_gates(const RoutingRule& rule, const TrialBatch& batch) {
  const auto weights = exponentials(batch.values);
  const std::size_t tokens = batch.sequences * batch.positions;
  Routing out;
  RoutingContext context;
  context.layout = {batch.sequences, batch.positions};
  rule.select({weights.data(), tokens, batch.width}, context, out);
  if (rule.id() == "soft-moe") return routing::soft_dispatch({batch.values.data(), tokens, batch.width});
  return routing::column_normalised_gates({weights.data(), tokens, batch.width}, out.mask);
}

/// Cosine of each token to each mean, the means first moved by the batch where `same_batch`.
std::vector<float> cosine_scores(const TrialBatch& batch, bool same_batch) {
  const std::size_t width = batch.width, tokens = batch.sequences * batch.positions;
  std::vector<double> means(width * width, 0.0);  // (experts, features): one axis each
  for (std::size_t e = 0; e < width; ++e) means[e * width + e] = 1.0;
  const auto cosine = [&](std::size_t token, std::size_t expert) {
    double dot = 0.0, x2 = 1e-12, m2 = 1e-12;
    for (std::size_t i = 0; i < width; ++i) {
      const double x = batch.values[token * width + i], m = means[expert * width + i];
      dot += x * m;
      x2 += x * x;
      m2 += m * m;
    }
    return dot / std::sqrt(x2 * m2);
  };
  if (same_batch) {
    std::vector<double> moved = means;
    for (std::size_t t = 0; t < tokens; ++t) {
      std::size_t best = 0;
      for (std::size_t e = 1; e < width; ++e) best = cosine(t, e) > cosine(t, best) ? e : best;
      for (std::size_t i = 0; i < width; ++i) moved[best * width + i] += 0.2 * batch.values[t * width + i];
    }
    means = moved;
  }
  std::vector<float> scores(batch.values.size());
  for (std::size_t t = 0; t < tokens; ++t) {
    for (std::size_t e = 0; e < width; ++e) scores[t * width + e] = static_cast<float>(cosine(t, e));
  }
  return scores;
}

}  // namespace

TEST_CASE("rules whose gates carry the dependence", "[routing][dependence]") {
  for (const auto text : {"column-normalised-gate", "soft-moe"}) {
    INFO(text);
    const auto rule = made(text);
    for (const Layout layout : {Layout{1, 12}, Layout{3, 8}}) {
      check_axes([&](const TrialBatch& batch, std::uint64_t) { return observed_gates(*rule, batch); },
                 rule->dependence(layout, grid_experts), layout,
                 [](Axis axis) {
                   TrialOptions options;
                   options.ties = axis != Axis::order;
                   options.tolerance = 1e-5F;
                   return options;
                 });
      CHECK_FALSE(rule->dependence(layout, grid_experts).random);
    }
  }
}

TEST_CASE("rules whose scores carry the dependence", "[routing][dependence]") {
  for (const auto text : {"k-means,k=1", "k-means(same-batch),k=1", "expert-autonomy,k=1"}) {
    INFO(text);
    const auto rule = made(text);
    const bool same_batch = rule->id() == "k-means(same-batch)";
    for (const Layout layout : {Layout{1, 12}, Layout{3, 8}}) {
      check_axes(
          [&](const TrialBatch& batch, std::uint64_t seed) {
            TrialBatch scored = batch;
            scored.values = cosine_scores(batch, same_batch);
            return observe_mask(*rule, TokenOrder::batch_major)(scored, seed);
          },
          rule->dependence(layout, grid_experts), layout,
          [](Axis axis) {
            TrialOptions options;
            options.ties = axis != Axis::order;
            return options;
          });
    }
  }
}

TEST_CASE("hash routing depends on the token id alone", "[routing][dependence]") {
  const auto rule = made("hash,k=2");
  const std::vector<std::int64_t> ids{5, 7, 5, 9, 7, 5};
  stats::CounterRng rng(1);
  std::vector<float> scores(6 * 8);
  Routing first, second;
  for (int trial = 0; trial < 50; ++trial) {
    for (float& score : scores) score = static_cast<float>(rng.normal());
    RoutingContext context;
    context.layout = {2, 3};
    context.seed = rng.bits64();
    context.tokens = ids;
    rule->select({scores.data(), 6, 8}, context, trial == 0 ? first : second);
    if (trial > 0) CHECK(first.mask == second.mask);
  }
  for (std::size_t e = 0; e < 8; ++e) {
    CHECK(first.mask(0, e) == first.mask(2, e));
    CHECK(first.mask(1, e) == first.mask(4, e));
  }
  CHECK(rule->dependence({2, 3}, 8) == Dependence{});
}

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "catch.h"
#include "pastonly/routing_rule.h"
#include "routing/rules/sinkhorn.h"
#include "routing/selection/column_top.h"
#include "routing/selection/order_key.h"
#include "routing/selection/top_k.h"
#include "stats/random.h"

using namespace pastonly;

namespace {

/// Smooth, tied or hostile scores.
std::vector<float> draw(std::size_t count, std::size_t kind, std::uint64_t seed) {
  stats::CounterRng rng(seed, kind);
  std::vector<float> scores(count);
  for (float& score : scores) {
    score = static_cast<float>(rng.normal());
    if (kind == 1) score = std::round(score);
    if (kind == 2 && rng.below(5) == 0) score = std::numeric_limits<float>::quiet_NaN();
    if (kind == 2 && rng.below(5) == 0) score = rng.below(2) == 0 ? INFINITY : -INFINITY;
    if (kind == 3) score = -0.0F * score;
    if (kind == 4) score = std::ldexp(score, static_cast<int>(rng.below(250)) - 140);  // subnormals too
  }
  return scores;
}

bool ranks_before(float a, std::size_t i, float b, std::size_t j) {
  const float x = std::isfinite(a) ? a : -INFINITY, y = std::isfinite(b) ? b : -INFINITY;
  return x != y ? x > y : i < j;
}

std::vector<std::size_t> sorted_indices(const std::vector<float>& values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t i, std::size_t j) { return ranks_before(values[i], i, values[j], j); });
  return order;
}

Mask select(std::string_view text, const std::vector<float>& scores, std::size_t experts, Layout layout) {
  const auto spec = parse_rule(text);
  const auto rule = make_rule(spec->id, spec->parameters);
  REQUIRE(rule.has_value());
  Routing out;
  RoutingContext context;
  context.layout = layout;
  (*rule)->select({scores.data(), layout.tokens(), experts}, context, out);
  return out.mask;
}

}  // namespace

TEST_CASE("order keys order as scores do", "[routing][selection]") {
  for (std::size_t kind = 0; kind < 5; ++kind) {
    const auto scores = draw(400, kind, 1);
    for (std::size_t i = 1; i < scores.size(); ++i) {
      const float x = routing::comparable(scores[i - 1]), y = routing::comparable(scores[i]);
      CHECK((x < y) == (routing::order_key(scores[i - 1]) < routing::order_key(scores[i])));
      CHECK(routing::order_key(scores[i]) > 0);
    }
  }
}

TEST_CASE("top-k equals a full sort, ranks included", "[routing][selection]") {
  for (std::size_t kind = 0; kind < 5; ++kind) {
    for (const std::size_t experts : {1U, 2U, 7U, 64U, 200U}) {
      for (const std::size_t k : {1U, 2U, 8U, 16U, 17U, 64U, 300U}) {
        const auto scores = draw(experts, kind, experts * 1000 + k);
        std::vector<std::uint16_t> best(std::min<std::size_t>(k, experts));
        routing::top_k(scores, best);
        const auto expected = sorted_indices(scores);
        CHECK(std::equal(best.begin(), best.end(), expected.begin()));
      }
    }
  }
}

TEST_CASE("column selection equals a full sort of every column", "[routing][selection]") {
  routing::ColumnTop top;
  for (std::size_t kind = 0; kind < 5; ++kind) {
    for (const std::size_t tokens : {1U, 2U, 33U, 500U}) {
      for (const std::size_t experts : {1U, 5U, 16U, 37U}) {
        const auto scores = draw(tokens * experts, kind, tokens + experts);
        for (const std::size_t count : {std::size_t{1}, tokens / 3 + 1, tokens, tokens + 5}) {
          Mask chosen(tokens, experts), expected(tokens, experts);
          top.select({scores.data(), tokens, experts}, count, {}, false, chosen.view());
          for (std::size_t e = 0; e < experts; ++e) {
            std::vector<float> column(tokens);
            for (std::size_t t = 0; t < tokens; ++t) column[t] = scores[t * experts + e];
            const auto order = sorted_indices(column);
            for (std::size_t r = 0; r < std::min(count, tokens); ++r) expected(order[r], e) = 1;
          }
          CHECK(chosen == expected);
        }
      }
    }
  }
}

TEST_CASE("column selection: padding is left out, strict stays above the threshold", "[routing][selection]") {
  routing::ColumnTop top;
  const std::vector<float> scores{5, 4, 4, 3, 2, 1};
  const std::vector<std::uint8_t> valid{0, 1, 1, 1, 0, 1};
  Mask chosen(6, 1);
  top.select({scores.data(), 6, 1}, 2, valid, false, chosen.view());
  CHECK(std::vector<std::uint8_t>(chosen.view().data(), chosen.view().data() + 6) ==
        std::vector<std::uint8_t>{0, 1, 1, 0, 0, 0});
  chosen.reset(6, 1);
  top.select({scores.data(), 6, 1}, 5, valid, false, chosen.view());
  CHECK(std::vector<std::uint8_t>(chosen.view().data(), chosen.view().data() + 6) ==
        std::vector<std::uint8_t>{0, 1, 1, 1, 0, 1});
  chosen.reset(6, 1);
  top.select({scores.data(), 6, 1}, 3, {}, true, chosen.view());
  CHECK(std::vector<std::uint8_t>(chosen.view().data(), chosen.view().data() + 6) ==
        std::vector<std::uint8_t>{1, 0, 0, 0, 0, 0});
}

TEST_CASE("streaming expert choice equals re-sorting every prefix", "[routing][selection]") {
  for (std::size_t kind = 0; kind < 3; ++kind) {
    constexpr std::size_t tokens = 50, experts = 8, chunk = 20;
    const auto scores = draw(tokens * experts, kind, 11);
    const Mask mask = select("expert-choice(streaming),k=3,chunk=20", scores, experts, {1, tokens});
    for (std::size_t t = 0; t < tokens; ++t) {
      const std::size_t first = t / chunk * chunk, seen = t - first + 1;
      const std::size_t allowed = (3 * seen + experts - 1) / experts;
      for (std::size_t e = 0; e < experts; ++e) {
        std::size_t ahead = 0;
        for (std::size_t u = first; u < t; ++u) {
          ahead += ranks_before(scores[u * experts + e], u, scores[t * experts + e], t) ? 1 : 0;
        }
        CHECK(mask(t, e) == (ahead < allowed ? 1 : 0));
      }
    }
  }
}

TEST_CASE("expert choice takes the floor of k w / N, at least one", "[routing][selection]") {
  const auto count = [](std::string_view text, std::size_t tokens, std::size_t experts) {
    const auto mask = select(text, draw(tokens * experts, 0, 3), experts, {1, tokens});
    return std::accumulate(mask.view().data(), mask.view().data() + mask.view().size(), std::size_t{0}) /
           experts;
  };
  CHECK(count("expert-choice,k=2", 64, 8) == 16);
  CHECK(count("expert-choice,k=1.1", 80, 8) == 11);
  CHECK(count("expert-choice,k=1", 3, 8) == 1);
  CHECK(count("expert-choice,k=2,chunk=16", 40, 8) == 4 + 4 + 2);
}

TEST_CASE("the auction gives every expert its share and comes near the optimum", "[routing][selection]") {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    constexpr std::size_t tokens = 6, experts = 3;
    const auto scores = draw(tokens * experts, 0, seed);
    const Mask mask = select("assignment", scores, experts, {1, tokens});
    double total = 0.0;
    std::vector<std::size_t> load(experts, 0);
    for (std::size_t t = 0; t < tokens; ++t) {
      std::size_t placed = 0;
      for (std::size_t e = 0; e < experts; ++e) {
        if (mask(t, e) == 0) continue;
        ++placed;
        ++load[e];
        total += scores[t * experts + e];
      }
      CHECK(placed == 1);
    }
    CHECK(load == std::vector<std::size_t>(experts, 2));
    // Brute force over all ways to place six tokens, two with each expert.
    std::vector<std::size_t> owner{0, 0, 1, 1, 2, 2};
    double best = -1e9;
    do {
      double sum = 0.0;
      for (std::size_t t = 0; t < tokens; ++t) sum += scores[t * experts + owner[t]];
      best = std::max(best, sum);
    } while (std::next_permutation(owner.begin(), owner.end()));
    const auto [low, high] = std::minmax_element(scores.begin(), scores.end());
    // An auction with step epsilon ends within T epsilon of the optimum (Bertsekas 1988).
    CHECK(total <= best + 1e-4);
    CHECK(total >= best - 6.0 * std::max((double{*high} - double{*low}) / 50.0, 1e-4) - 1e-4);
  }
}

TEST_CASE("the auction ends with exact shares on large, tied and uneven inputs", "[routing][selection]") {
  for (std::size_t kind = 0; kind < 4; ++kind) {
    for (const std::size_t tokens : {64U, 128U, 67U}) {
      constexpr std::size_t experts = 8;
      const Mask mask = select("assignment", draw(tokens * experts, kind, tokens), experts, {1, tokens});
      for (std::size_t e = 0; e < experts; ++e) {
        std::size_t load = 0;
        for (std::size_t t = 0; t < tokens; ++t) load += mask(t, e);
        CHECK(load <= (tokens + experts - 1) / experts);
        if (tokens % experts == 0) CHECK(load == tokens / experts);
      }
    }
  }
}

TEST_CASE("converged Sinkhorn factors balance the columns", "[routing][selection]") {
  constexpr std::size_t tokens = 40, experts = 6;
  const auto logits = draw(tokens * experts, 0, 4);
  const auto factors = routing::sinkhorn_factors({logits.data(), tokens, experts}, {}, {0.0, 2000, true});
  std::vector<double> column(experts, 0.0);
  for (std::size_t t = 0; t < tokens; ++t) {
    double sum = 0.0;
    for (std::size_t e = 0; e < experts; ++e) sum += factors[e] * std::exp(double{logits[t * experts + e]});
    for (std::size_t e = 0; e < experts; ++e) {
      column[e] += factors[e] * std::exp(double{logits[t * experts + e]}) / sum / double{tokens};
    }
  }
  for (const double weight : column) CHECK(weight == Approx(1.0 / experts).epsilon(1e-5));
}

TEST_CASE("softmax scores and logits balance alike", "[routing][selection]") {
  constexpr std::size_t tokens = 64, experts = 8;
  const auto logits = draw(tokens * experts, 0, 8);
  std::vector<float> softmax(logits.size());
  for (std::size_t t = 0; t < tokens; ++t) {
    double sum = 0.0;
    for (std::size_t e = 0; e < experts; ++e) sum += std::exp(double{logits[t * experts + e]});
    for (std::size_t e = 0; e < experts; ++e) {
      softmax[t * experts + e] = static_cast<float>(std::exp(double{logits[t * experts + e]}) / sum);
    }
  }
  CHECK(select("sinkhorn,k=2", logits, experts, {1, tokens}) ==
        select("sinkhorn,k=2,input=probabilities", softmax, experts, {1, tokens}));
}

#include "lab/rules.h"

#include <algorithm>

#include "catch.h"
#include "unit/routing/made.h"

namespace pastonly::lab {
namespace {

constexpr std::size_t expert_count = 8;
constexpr Layout small_layout{4, 16};

Mask routed(const RoutingRule& rule, const std::vector<float>& scores, const Layout& layout,
            std::uint64_t seed = 0) {
  Routing out;
  rule.select({scores.data(), layout.tokens(), expert_count}, {layout, seed, {}, {}}, out);
  return out.mask;
}

double share_of_routes(const Mask& mask) {
  const auto view = mask.view();
  return static_cast<double>(std::count(view.data(), view.data() + view.size(), 1)) /
         static_cast<double>(mask.tokens());
}

}  // namespace

TEST_CASE("a shuffled rule routes as many tokens, in an order of its seed", "[lab][rules]") {
  const auto rule = made("expert-choice,k=2,chunk=8");
  const auto mixed = shuffled(*rule);
  const auto scores = random_scores(small_layout.tokens() * expert_count, 1);
  const Mask plain = routed(*rule, scores, small_layout), first = routed(*mixed, scores, small_layout, 1),
             again = routed(*mixed, scores, small_layout, 1),
             second = routed(*mixed, scores, small_layout, 2);
  CHECK(first == again);
  CHECK_FALSE(first == plain);
  CHECK_FALSE(first == second);
  for (std::size_t e = 0; e < expert_count; ++e) {
    int taken = 0;
    for (std::size_t t = 0; t < small_layout.tokens(); ++t) taken += first(t, e);
    CHECK(taken == 16);  // eight chunks, two tokens each
  }
  CHECK(mixed->id() == "expert-choice(shuffled)");
  CHECK(mixed->dependence(small_layout, expert_count).random);
}

TEST_CASE("a shuffled chunk is a sample of the whole batch", "[lab][rules]") {
  // Scores that fall with position: in order the first tokens of every chunk win, shuffled the first of all.
  std::vector<float> scores(small_layout.tokens() * expert_count);
  for (std::size_t t = 0; t < small_layout.tokens(); ++t) {
    for (std::size_t e = 0; e < expert_count; ++e) scores[t * expert_count + e] = -static_cast<float>(t);
  }
  const auto rule = made("expert-choice,k=1,chunk=8");
  const auto mixed = shuffled(*rule);
  std::vector<double> wins(small_layout.tokens());
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const Mask mask = routed(*mixed, scores, small_layout, seed);
    for (std::size_t t = 0; t < small_layout.tokens(); ++t) wins[t] += mask(t, 0) / 200.0;
  }
  CHECK(wins[0] == Approx(1.0));
  CHECK(wins[63] == Approx(0.0).margin(1e-9));
  CHECK(wins[8] > 0.2);  // the best of the second chunk, not sure of its place any more
  CHECK(wins[8] < 0.9);
}

TEST_CASE("token-wise rules do not notice a shuffle, and state passes through", "[lab][rules]") {
  const auto rule = made("biased-top-k,k=2,update_rate=0.1");
  const auto mixed = shuffled(*rule);
  const auto scores = random_scores(small_layout.tokens() * expert_count, 2);
  const Mask plain = routed(*rule, scores, small_layout);
  CHECK(routed(*mixed, scores, small_layout, 3) == plain);
  mixed->learn({scores.data(), small_layout.tokens(), expert_count}, plain);
  CHECK(rule->parameters().size() == 3);  // the bias is there now
  CHECK(mixed->parameters() == rule->parameters());
  CHECK_FALSE(mixed->dependence(small_layout, expert_count).future);
}

TEST_CASE("random drops keep their share of routes", "[lab][rules]") {
  const auto rule = made("top-k,k=4");
  const Layout layout{64, 64};
  const auto scores = random_scores(layout.tokens() * expert_count, 3);
  const auto drops = dropping(*rule, 0.3);
  const Mask all = routed(*rule, scores, layout), kept = routed(*drops, scores, layout, 1);
  CHECK(share_of_routes(all) == 4.0);
  CHECK(share_of_routes(kept) == Approx(2.8).margin(0.05));
  for (std::size_t t = 0; t < layout.tokens(); ++t) {
    for (std::size_t e = 0; e < expert_count; ++e) CHECK(kept(t, e) <= all(t, e));
  }
  CHECK(routed(*drops, scores, layout, 1) == kept);
  CHECK(routed(*dropping(*rule, 0.0), scores, layout) == all);
}

TEST_CASE("streaming routing sees nothing later and no other row", "[lab][rules]") {
  for (const char* text : {"expert-choice,k=2,chunk=8", "expert-choice,k=2", "expert-choice,k=2,chunk=32",
                           "batch-priority,k=2,capacity=3", "sinkhorn,k=1", "switch-capacity,k=1,capacity=4",
                           "mixture-of-depths,capacity=4", "top-k,k=2"}) {
    INFO(text);
    const auto rule = made(text);
    const auto stream = streaming(*rule, small_layout, expert_count);
    const auto scores = random_scores(small_layout.tokens() * expert_count, 4);
    const Mask before = routed(*stream, scores, small_layout);
    // Everything after position 9 of row 2, and every other row, is redrawn.
    auto changed = random_scores(small_layout.tokens() * expert_count, 5);
    const std::size_t first = small_layout.token(2, 0) * expert_count,
                      last = small_layout.token(2, 10) * expert_count;
    std::copy(scores.begin() + first, scores.begin() + last, changed.begin() + first);
    const Mask after = routed(*stream, changed, small_layout);
    for (std::size_t s = 0; s < 10; ++s) {
      for (std::size_t e = 0; e < expert_count; ++e)
        CHECK(before(small_layout.token(2, s), e) == after(small_layout.token(2, s), e));
    }
  }
}

TEST_CASE("streaming is the rule applied to every prefix", "[lab][rules]") {
  const auto scores = random_scores(small_layout.tokens() * expert_count, 6);
  const auto prefix_mask = [&](const RoutingRule& rule, std::size_t row, std::size_t s) {
    const std::size_t first = small_layout.token(row, 0) * expert_count;
    const std::vector<float> own(scores.begin() + first, scores.begin() + first + (s + 1) * expert_count);
    return routed(rule, own, {1, s + 1});
  };
  for (const char* text : {"batch-priority,k=2,capacity=3", "sinkhorn,k=1", "top-k,k=2"}) {
    INFO(text);
    const auto rule = made(text);
    const Mask streamed = routed(*streaming(*rule, small_layout, expert_count), scores, small_layout);
    for (std::size_t row = 0; row < 4; ++row) {
      for (std::size_t s = 0; s < 16; ++s) {
        const Mask prefix = prefix_mask(*rule, row, s);
        for (std::size_t e = 0; e < expert_count; ++e)
          CHECK(streamed(small_layout.token(row, s), e) == prefix(s, e));
      }
    }
  }
  // Expert choice: among the best ceil(R n) of the n tokens of its chunk so far; R n is whole at the end.
  const auto rule = made("expert-choice,k=2,chunk=8");
  const Mask streamed = routed(*streaming(*rule, small_layout, expert_count), scores, small_layout),
             whole = routed(*rule, scores, small_layout);
  for (std::size_t row = 0; row < 4; ++row) {
    for (std::size_t e = 0; e < expert_count; ++e) {
      CHECK(streamed(small_layout.token(row, 7), e) == whole(small_layout.token(row, 7), e));
      CHECK(streamed(small_layout.token(row, 0), e) == 1);
    }
  }
}

}  // namespace pastonly::lab

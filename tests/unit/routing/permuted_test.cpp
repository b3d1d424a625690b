#include "routing/wrappers/permuted.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "catch.h"
#include "unit/routing/made.h"

using namespace pastonly;
using namespace pastonly::routing;

namespace {

Mask selected(const RoutingRule& rule, const std::vector<float>& scores, const Layout& layout) {
  RoutingContext context;
  context.layout = layout;
  Routing out;
  rule.select({scores.data(), layout.tokens(), scores.size() / layout.tokens()}, context, out);
  return out.mask;
}

}  // namespace

TEST_CASE("random orders are permutations, by the seed and evenly", "[permuted]") {
  std::vector<int> first(6, 0);
  for (std::uint64_t seed = 0; seed < 6000; ++seed) {
    auto order = random_order(6, seed);
    ++first[order[2]];
    std::sort(order.begin(), order.end());
    std::vector<std::size_t> identity(6);
    std::iota(identity.begin(), identity.end(), std::size_t{0});
    REQUIRE(order == identity);
  }
  for (const int count : first) CHECK(std::abs(count - 1000) < 150);  // five standard deviations
  CHECK(random_order(50, 3) == random_order(50, 3));
  CHECK(random_order(50, 3) != random_order(50, 4));
  CHECK(random_order(0, 1).empty());
}

TEST_CASE("expert choice in random order is expert choice of chunks drawn without looking", "[permuted]") {
  const Layout layout{4, 16};
  const auto scores = random_scores(64 * 4, 5);
  const auto rule = made("expert-choice,k=1,chunk=8");
  const PermutedRule shuffled(*rule, 9);
  const Mask mask = selected(shuffled, scores, layout);
  // By hand: chunks of eight of the permuted tokens, of each the two best per expert (k T / N).
  const auto order = random_order(64, 9);
  Mask expected(64, 4);
  for (std::size_t first = 0; first < 64; first += 8) {
    for (std::size_t e = 0; e < 4; ++e) {
      std::vector<std::size_t> chunk(order.begin() + static_cast<std::ptrdiff_t>(first),
                                     order.begin() + static_cast<std::ptrdiff_t>(first + 8));
      std::sort(chunk.begin(), chunk.end(),
                [&](std::size_t a, std::size_t b) { return scores[a * 4 + e] > scores[b * 4 + e]; });
      expected(chunk[0], e) = expected(chunk[1], e) = 1;
    }
  }
  CHECK(mask == expected);
  CHECK_FALSE(mask == selected(*rule, scores, layout));
  CHECK(shuffled.id() == rule->id());
  CHECK(shuffled.parameters() == rule->parameters());
}

TEST_CASE("hash routing keeps its token in random order", "[permuted]") {
  const Layout layout{2, 8};
  const auto scores = random_scores(16 * 4, 6);
  std::vector<std::int64_t> tokens(16);
  std::iota(tokens.begin(), tokens.end(), 100);
  RoutingContext context;
  context.layout = layout;
  context.tokens = tokens;
  const auto rule = made("hash,k=1");
  Routing own, permuted;
  rule->select({scores.data(), 16, 4}, context, own);
  PermutedRule(*rule, 1).select({scores.data(), 16, 4}, context, permuted);
  CHECK(own.mask == permuted.mask);
}

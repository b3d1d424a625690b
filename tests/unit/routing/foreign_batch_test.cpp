#include "routing/wrappers/foreign_batch.h"

#include <algorithm>
#include <vector>

#include "catch.h"
#include "routing/wrappers/permuted.h"
#include "unit/routing/made.h"

using namespace pastonly;
using namespace pastonly::routing;

namespace {

constexpr Layout small_layout{4, 16};
constexpr std::size_t expert_count = 4;

std::vector<float> drawn_scores(std::uint64_t seed) {
  return random_scores(small_layout.tokens() * expert_count, seed);
}

Mask routed(const RoutingRule& rule, const std::vector<float>& scores) {
  RoutingContext context;
  context.layout = small_layout;
  Routing out;
  rule.select({scores.data(), small_layout.tokens(), expert_count}, context, out);
  return out.mask;
}

}  // namespace

TEST_CASE("among strangers a token is chosen by its own scores and theirs", "[company]") {
  const auto own = drawn_scores(1), others = drawn_scores(2);
  const auto rule = made("expert-choice,k=1,chunk=8");
  const ForeignBatchRule apart(*rule, others, 7);
  const Mask mask = routed(apart, own);
  // By hand: every sixteenth of a random order comes in together; two of a chunk's eight are taken.
  const auto order = random_order(small_layout.tokens(), 7);
  std::size_t differs = 0;
  const Mask in_order = routed(*rule, own);
  for (std::size_t i = 0; i < order.size(); ++i) {
    std::vector<float> mixed = others;
    for (std::size_t j = i % 16; j < order.size(); j += 16)
      std::copy_n(own.begin() + static_cast<std::ptrdiff_t>(order[j] * expert_count), expert_count,
                  mixed.begin() + static_cast<std::ptrdiff_t>(order[j] * expert_count));
    const std::size_t token = order[i], first = token / 8 * 8;
    for (std::size_t e = 0; e < expert_count; ++e) {
      std::size_t above = 0;
      for (std::size_t other = first; other < first + 8; ++other)
        above += mixed[other * expert_count + e] > mixed[token * expert_count + e] ? 1 : 0;
      CHECK((mask(token, e) == 1) == (above < 2));
      differs += mask(token, e) != in_order(token, e) ? 1 : 0;
    }
  }
  CHECK(differs > 20);
  CHECK(apart.id() == rule->id());
  CHECK(apart.parameters() == rule->parameters());
}

TEST_CASE("company changes nothing for rules of a token's own scores, and nothing among one's own",
          "[company]") {
  const auto own = drawn_scores(3), others = drawn_scores(4);
  const auto top_k = made("top-k,k=2");
  CHECK(routed(ForeignBatchRule(*top_k, others, 1), own) == routed(*top_k, own));
  for (const auto* text : {"expert-choice,k=2", "drop-by-score,k=2,capacity_factor=1", "sinkhorn,k=2",
                           "gshard-top-2,k=2,capacity_factor=1"}) {
    INFO(text);
    const auto rule = made(text);
    CHECK(routed(ForeignBatchRule(*rule, own, 1), own) == routed(*rule, own));
    CHECK_FALSE(routed(ForeignBatchRule(*rule, others, 1), own) == routed(*rule, own));
  }
}

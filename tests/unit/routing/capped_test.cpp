#include <algorithm>
#include <cmath>

#include "catch.h"
#include "pastonly/routing_rule.h"
#include "routing/selection/capacity.h"
#include "stats/random.h"

using namespace pastonly;
using routing::Capacity;
using routing::CapacityFormula;

namespace {

Routing select(std::string_view text, const std::vector<float>& scores, std::size_t experts,
               std::uint64_t seed = 0) {
  const auto spec = parse_rule(text);
  const auto rule = make_rule(spec->id, spec->parameters);
  REQUIRE(rule.has_value());
  Routing out;
  RoutingContext context;
  context.layout = {1, scores.size() / experts};
  context.seed = seed;
  (*rule)->select({scores.data(), scores.size() / experts, experts}, context, out);
  return out;
}

std::vector<float> draw(std::size_t count, std::uint64_t seed) {
  stats::CounterRng rng(seed);
  std::vector<float> scores(count);
  for (float& score : scores) score = static_cast<float>(rng.uniform());
  return scores;
}

std::vector<int> rows(const Mask& mask) {
  return {mask.view().data(), mask.view().data() + mask.view().size()};
}

std::size_t of(CapacityFormula formula, std::size_t tokens, std::size_t experts, double k, double factor) {
  Capacity capacity;
  capacity.formula = formula;
  capacity.factor = factor;
  return capacity.of(tokens, experts, k);
}

}  // namespace

TEST_CASE("capacity formulas, against values worked out from the frameworks' expressions", "[routing]") {
  // T = 100, N = 8, k = 2, f = 1.25: T/N = 12.5.
  CHECK(of(CapacityFormula::deepspeed, 100, 8, 2, 1.25) == 32);     // ceil(31.25)
  CHECK(of(CapacityFormula::megatron, 100, 8, 2, 1.25) == 32);      // ceil(25 * 1.25)
  CHECK(of(CapacityFormula::megablocks, 100, 8, 2, 1.25) == 31);    // int(31.25)
  CHECK(of(CapacityFormula::fairscale, 100, 8, 2, 1.25) == 25);     // 200 // 8
  CHECK(of(CapacityFormula::fairseq, 100, 8, 2, 1.0) == 26);        // 2 * ceil(12.5)
  CHECK(of(CapacityFormula::fairseq, 100, 8, 1, 1.25) == 16);       // int(1.25 * 13)
  CHECK(of(CapacityFormula::fairseq_eval, 100, 8, 2, 0.25) == 25);  // ceil(0.25 * 100)
  CHECK(of(CapacityFormula::fairseq_eval, 101, 8, 2, 0.25) == 26);
  CHECK(of(CapacityFormula::tutel, 100, 8, 2, 1.25) == 32);       // 2 * int(1.25 * 13)
  CHECK(of(CapacityFormula::flaxformer, 100, 8, 2, 1.25) == 16);  // round(15.625), whatever k
  CHECK(of(CapacityFormula::flaxformer, 8, 8, 2, 1.25) == 4);     // at least 4
  CHECK(of(CapacityFormula::vmoe, 100, 8, 2, 1.25) == 32);        // ceil(31.25), a multiple of 4
  CHECK(of(CapacityFormula::vmoe, 100, 8, 2, 1.05) == 28);        // ceil(26.25) = 27, up to 28
  CHECK(of(CapacityFormula::mesh, 100, 8, 2, 1.25) == 15);        // int(15.625), whatever k
  CHECK(of(CapacityFormula::mesh, 3, 8, 2, 1.25) == 4);           // at least 4
  CHECK(of(CapacityFormula::mesh, 100, 8, 2, 20.0) == 100);       // at most T
  CHECK(of(CapacityFormula::colossalai, 100, 8, 2, 1.25) == 32);  // floor(31.25) = 31, made even
  CHECK(of(CapacityFormula::maxtext, 100, 8, 2, 1.25) == 31);     // int(25 * 1.25)
  CHECK(of(CapacityFormula::maxtext, 1, 8, 1, 2.5) == 2);         // int(max(2.5, 2.5))
  CHECK(of(CapacityFormula::olmo_core, 100, 8, 2, 1.25) == 32);   // int(31.25), a multiple of 8
  CHECK(of(CapacityFormula::olmo_core, 100, 8, 2, 1.0) == 32);    // int(25), up to 32
  Capacity with_minimum;
  with_minimum.factor = 0.1;
  with_minimum.minimum = 4;
  CHECK(with_minimum.of(100, 8, 1) == 4);
  CHECK(of(CapacityFormula::megablocks, 4, 64, 1, 1.0) == 0);  // fewer tokens than experts
}

TEST_CASE("a later first choice evicts an earlier second choice", "[routing]") {
  // Token 0 prefers 0 then 1; tokens 1 and 2 prefer 1. Two slots each.
  const std::vector<float> scores{0.6F, 0.4F, 0.0F, 0.0F, 0.6F, 0.4F, 0.0F, 0.6F, 0.4F};
  CHECK(rows(select("gshard-top-2,capacity=2", scores, 3).mask) ==
        std::vector<int>{1, 0, 0, 0, 1, 1, 0, 1, 1});
  CHECK(rows(select("token-major-capacity,k=2,capacity=2", scores, 3).mask) ==
        std::vector<int>{1, 1, 0, 0, 1, 1, 0, 0, 1});
}

TEST_CASE("next choice: a token without a place tries its second expert once", "[routing]") {
  const std::vector<float> scores{0.9F, 0.1F, 0.8F, 0.2F, 0.7F, 0.3F, 0.6F, 0.4F};  // all prefer 0
  CHECK(rows(select("next-choice,capacity=1", scores, 2).mask) == std::vector<int>{1, 0, 0, 1, 0, 0, 0, 0});
}

TEST_CASE("renormalised rank weighs a score against the token's others", "[routing]") {
  // Expert 0 has one slot. Token 1 has the larger score, token 0 the larger share.
  const std::vector<float> scores{0.4F, 0.1F, 0.0F, 0.5F, 0.4F, 0.0F};
  CHECK(select("drop-by-score,k=2,capacity=1", scores, 3).mask(1, 0) == 1);
  CHECK(select("drop-by-score,k=2,capacity=1,rank=renormalised", scores, 3).mask(0, 0) == 1);
}

TEST_CASE("capped rules: counts are min(demand, C), and a full capacity is top-k", "[routing]") {
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    const auto scores = draw(60 * 5, seed);
    const auto free = select("top-k,k=2", scores, 5).mask;
    for (const std::string rule : {"token-major-capacity,k=2", "gshard-top-2,k=2", "batch-priority,k=2",
                                   "drop-by-score,k=2", "random-token,k=2", "unstable-capacity,k=2"}) {
      INFO(rule);
      const auto capped = select(rule + ",capacity=20", scores, 5, seed);
      CHECK(capped.selected == free);
      for (std::size_t e = 0; e < 5; ++e) {
        std::size_t demand = 0, kept = 0;
        for (std::size_t t = 0; t < 60; ++t) {
          demand += free(t, e);
          kept += capped.mask(t, e);
        }
        CHECK(kept == std::min<std::size_t>(demand, 20));
      }
      CHECK(select(rule + ",capacity=60", scores, 5, seed).mask == free);
    }
  }
}

TEST_CASE("random rules draw with the probabilities they state", "[routing]") {
  // Kept second: gate 0.4 of 1.0, threshold 0.5: kept with probability 0.8.
  const std::vector<float> pair{0.6F, 0.4F};
  int kept = 0, drawn = 0, first_slot = 0;
  constexpr int draws = 4000;
  const std::vector<float> trio{0.5F, 0.4F, 0.1F};
  const std::vector<float> rivals{1.0F, 1.0F, 1.0F};  // three tokens, one expert
  for (int seed = 0; seed < draws; ++seed) {
    const auto at = static_cast<std::uint64_t>(seed);
    kept += select("gshard-top-2(random-second),capacity=9", pair, 2, at).mask(0, 1);
    drawn += select("gshard-top-2(random-second),capacity=9,second=drawn", trio, 3, at).mask(0, 1);
    first_slot += select("random-token,capacity=1", rivals, 1, at).mask(0, 0);
  }
  const auto near = [](int count, double p) {
    return std::abs(count - draws * p) < 4.5 * std::sqrt(draws * p * (1 - p));
  };
  CHECK(near(kept, 0.8));
  CHECK(near(drawn, 0.8));  // 0.4 against 0.1
  CHECK(near(first_slot, 1.0 / 3.0));
}

TEST_CASE("noisy top-k: eps softplus(noise) decides between two experts", "[routing]") {
  // Score gap 0.5, noise softplus(0) = ln 2 on both: the better one wins with Phi(0.5 / (ln 2 sqrt 2)).
  const std::vector<float> scores{0.5F, 0.0F};
  int wins = 0;
  constexpr int draws = 4000;
  for (int seed = 0; seed < draws; ++seed) {
    wins += select("noisy-top-k,k=1", scores, 2, static_cast<std::uint64_t>(seed)).mask(0, 0);
  }
  const double p = 0.5 * std::erfc(-0.5 / (std::log(2.0) * std::sqrt(2.0)) / std::sqrt(2.0));
  CHECK(std::abs(wins - draws * p) < 4.5 * std::sqrt(draws * p * (1 - p)));
}

TEST_CASE("groups: maximum, sum of two, and what masks the others", "[routing]") {
  // Groups {0, 1} and {2, 3}: maximum prefers the first, the sum of two the second.
  const std::vector<float> scores{0.9F, 0.1F, 0.6F, 0.5F};
  CHECK(rows(select("group-limited-top-k,k=2,groups=2,topk_groups=1,group_score=max", scores, 4).mask) ==
        std::vector<int>{1, 1, 0, 0});
  CHECK(rows(select("group-limited-top-k,k=2,groups=2,topk_groups=1", scores, 4).mask) ==
        std::vector<int>{0, 0, 1, 1});
  // With negative s + b a mask of 0 lets experts of other groups through.
  const std::vector<float> negative{-0.1F, -0.2F, -0.6F, -0.5F};
  CHECK(rows(select("group-limited-top-k,k=2,groups=2,topk_groups=1", negative, 4).mask) ==
        std::vector<int>{1, 1, 0, 0});
  CHECK(rows(select("group-limited-top-k,k=2,groups=2,topk_groups=1,group_mask=zero", negative, 4).mask) ==
        std::vector<int>{0, 0, 1, 1});
}

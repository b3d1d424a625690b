#include <algorithm>
#include <cstdint>
#include <vector>

#include "catch.h"
#include "pastonly/routing_rule.h"
#include "unit/routing/made.h"

using namespace pastonly;

// Rules that share a budget, against the plainest code for them.

namespace {

constexpr std::size_t narrow = 6;

struct BudgetBatch {
  Layout layout;
  std::vector<float> scores;        // (tokens, narrow) batch-major, which is the router's order here
  std::vector<std::int64_t> ids;    // (tokens)
  std::vector<std::uint8_t> valid;  // (tokens) or empty
};

BudgetBatch draw_budget(Layout layout, std::uint64_t seed) {
  BudgetBatch batch{layout, random_scores(layout.tokens() * narrow, seed), {}, {}};
  stats::CounterRng rng(seed, 3);
  // A coarse grid: many pairs tie.
  for (float& score : batch.scores) score = static_cast<float>(static_cast<int>(score * 32.0F)) / 32.0F;
  for (std::size_t t = 0; t < layout.tokens(); ++t)
    batch.ids.push_back(static_cast<std::int64_t>(rng.below(5)));
  return batch;
}

Mask routed(std::string_view rule, const BudgetBatch& batch) {
  Routing out;
  made(rule)->select({batch.scores.data(), batch.layout.tokens(), narrow},
                     {batch.layout, 0, batch.ids, batch.valid}, out);
  return std::move(out.mask);
}

/// Tokens [first, end) as a batch of one sequence.
BudgetBatch part(const BudgetBatch& batch, std::size_t first, std::size_t end) {
  const auto at = [](std::size_t i) { return static_cast<std::ptrdiff_t>(i); };
  BudgetBatch out{{1, end - first}, {}, {}, {}};
  out.scores.assign(batch.scores.begin() + at(first * narrow), batch.scores.begin() + at(end * narrow));
  out.ids.assign(batch.ids.begin() + at(first), batch.ids.begin() + at(end));
  if (!batch.valid.empty()) out.valid.assign(batch.valid.begin() + at(first), batch.valid.begin() + at(end));
  return out;
}

/// The k pairs per token with the largest scores of all.
Mask best_pairs(const BudgetBatch& batch, std::size_t k) {
  Mask mask(batch.layout.tokens(), narrow);
  for (std::size_t left = k * batch.layout.tokens(); left > 0; --left) {
    std::size_t best = batch.scores.size();
    for (std::size_t pair = 0; pair < batch.scores.size(); ++pair) {
      if (mask(pair / narrow, pair % narrow) != 0) continue;
      if (best == batch.scores.size() || batch.scores[pair] > batch.scores[best]) best = pair;
    }
    mask(best / narrow, best % narrow) = 1;
  }
  return mask;
}

bool same_rows(const Mask& all, std::size_t first, const Mask& some) {
  for (std::size_t t = 0; t < some.tokens(); ++t) {
    if (!std::ranges::equal(all.view().row(first + t), some.view().row(t))) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("Sequence top-k takes the best pairs of each sequence, batch top-k of the batch", "[routing]") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    for (const std::size_t k : {1, 2, 5}) {
      CAPTURE(seed, k);
      const auto batch = draw_budget({3, 7}, seed);
      const auto text = "sequence-top-k,k=" + std::to_string(k);
      const Mask by_sequence = routed(text, batch);
      for (std::size_t row = 0; row < 3; ++row)
        CHECK(same_rows(by_sequence, row * 7, best_pairs(part(batch, row * 7, row * 7 + 7), k)));
      CHECK(routed(text + ",scope=batch", batch) == best_pairs(batch, k));
    }
  }
}

TEST_CASE("Streaming sequence top-k gives each token what its prefix alone would", "[routing]") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    const auto batch = draw_budget({1, 12}, seed);
    const Mask streamed = routed("sequence-top-k(streaming),k=2", batch);
    for (std::size_t t = 0; t < 12; ++t) {
      const Mask alone = best_pairs(part(batch, 0, t + 1), 2);
      CHECK(std::ranges::equal(streamed.view().row(t), alone.view().row(t)));
    }
  }
}

TEST_CASE("Rules within documents route each document as if it were alone", "[routing]") {
  for (const std::string rule : {"expert-choice,k=2", "expert-choice,k=2,chunk=4", "expert-choice,capacity=2",
                                 "sequence-top-k,k=1", "sequence-top-k(streaming),k=2"}) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
      CAPTURE(rule, seed);
      const auto batch = draw_budget({2, 24}, seed);
      const Mask mask = routed(rule + ",scope=document,separator=3", batch);
      for (std::size_t first = 0; first < 48;) {
        std::size_t end = first + 1;
        while (batch.ids[end - 1] != 3 && end % 24 != 0) ++end;
        CHECK(same_rows(mask, first, routed(rule, part(batch, first, end))));
        first = end;
      }
      // The same batch as a router sees it that takes time steps one after another.
      BudgetBatch steps = batch;
      steps.layout.order = TokenOrder::sequence_major;
      for (std::size_t row = 0; row < 2; ++row) {
        for (std::size_t s = 0; s < 24; ++s) {
          const std::size_t index = steps.layout.router_index(row, s), token = row * 24 + s;
          steps.ids[index] = batch.ids[token];
          std::copy_n(&batch.scores[token * narrow], narrow, &steps.scores[index * narrow]);
        }
      }
      const Mask other = routed(rule + ",scope=document,separator=3", steps);
      for (std::size_t row = 0; row < 2; ++row) {
        for (std::size_t s = 0; s < 24; ++s)
          CHECK(std::ranges::equal(other.view().row(steps.layout.router_index(row, s)),
                                   mask.view().row(row * 24 + s)));
      }
    }
  }
  // Without ids a row is one document.
  auto batch = draw_budget({2, 24}, 1);
  batch.ids.clear();
  CHECK(routed("expert-choice,k=2,scope=document,separator=3", batch) ==
        routed("expert-choice,k=2,scope=sequence", batch));
}

TEST_CASE("A rank keeps the first of its choices, listed expert by expert", "[routing]") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    for (const std::size_t ranks : {1, 2, 3, 6}) {
      CAPTURE(seed, ranks);
      const auto batch = draw_budget({2, 10}, seed);
      const Mask wanted = routed("top-k,k=2", batch);
      Mask kept(20, narrow);
      for (std::size_t rank = 0; rank < ranks; ++rank) {
        std::vector<std::pair<std::size_t, std::size_t>> list;  // token, expert
        for (std::size_t e = rank * narrow / ranks; e < (rank + 1) * narrow / ranks; ++e) {
          for (std::size_t t = 0; t < 20; ++t) {
            if (wanted(t, e) != 0) list.emplace_back(t, e);
          }
        }
        for (std::size_t i = 0; i < std::min<std::size_t>(5, list.size()); ++i)
          kept(list[i].first, list[i].second) = 1;
      }
      const auto text = "rank-capacity,k=2,capacity=5,ranks=" + std::to_string(ranks);
      CHECK(routed(text, batch) == kept);
      if (ranks == narrow) CHECK(kept == routed("token-major-capacity,k=2,capacity=5", batch));
    }
  }
  // T k f / R: 20 tokens, 2 choices, half the average of a rank.
  const auto batch = draw_budget({2, 10}, 9);
  CHECK(routed("rank-capacity,k=2,ranks=2,capacity_factor=0.5", batch) ==
        routed("rank-capacity,k=2,ranks=2,capacity=10", batch));
}

TEST_CASE("A bias from the tokens before follows their loads", "[routing]") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    const auto batch = draw_budget({2, 30}, seed);
    const Mask mask = routed("biased-top-k(prefix),k=2,update_rate=0.125,bias=[0.5;0;0;0;0;-0.5]", batch);
    for (std::size_t row = 0; row < 2; ++row) {
      for (std::size_t s = 0; s < 30; ++s) {
        std::vector<double> value(narrow);
        for (std::size_t e = 0; e < narrow; ++e) {
          value[e] =
              static_cast<double>(batch.scores[(row * 30 + s) * narrow + e]) + (e == 0            ? 0.5
                                                                                : e == narrow - 1 ? -0.5
                                                                                                  : 0.0);
          // Every earlier token moved the bias by what had been counted up to it.
          std::size_t load = 0, total = 0;
          for (std::size_t earlier = 0; earlier < s; ++earlier) {
            load += mask(row * 30 + earlier, e);
            total += 2;
            if (load * narrow != total) value[e] += load * narrow < total ? 0.125 : -0.125;
          }
        }
        for (std::size_t j = 0; j < 2; ++j) {
          const auto best = std::ranges::max_element(value);
          CHECK(mask(row * 30 + s, static_cast<std::size_t>(best - value.begin())) == 1);
          *best = -1e9;
        }
      }
    }
  }
}

TEST_CASE("Padding that counts takes the places of tokens", "[routing]") {
  auto batch = draw_budget({2, 10}, 4);
  const BudgetBatch all = batch;
  batch.valid.assign(20, 1);
  for (const std::size_t t : {7, 8, 9, 17, 18, 19}) batch.valid[t] = 0;
  for (const std::string rule :
       {"token-major-capacity,k=2,capacity=4", "drop-by-score,k=2,capacity=4", "expert-choice,k=2,chunk=5",
        "gshard-top-2,capacity=4", "biased-top-k(same-batch),k=2,update_rate=0.2", "sequence-top-k,k=2"}) {
    CAPTURE(rule);
    const Mask counted = routed(rule + ",padding=counts", batch);
    CHECK(counted == routed(rule, all));
    const Mask skipped = routed(rule, batch);
    CHECK_FALSE(counted == skipped);
    for (const std::size_t t : {7, 8, 9, 17, 18, 19}) {
      for (std::size_t e = 0; e < narrow; ++e) CHECK(skipped(t, e) == 0);
    }
  }
}

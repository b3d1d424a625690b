#include "routing/candidate_rules.h"

#include <algorithm>

#include "catch.h"
#include "pastonly/routing_rule.h"

using namespace pastonly;

namespace {

bool has(const std::vector<std::string>& rules, std::string_view rule) {
  return std::ranges::find(rules, rule) != rules.end();
}

}  // namespace

TEST_CASE("suspects share budgets by sequence and batch, and places by rank", "[suspects]") {
  const std::vector<std::int64_t> separators{0, 7};
  const auto all = routing::candidate_rules({4, 40}, 16, 2, separators, true);
  for (const auto* rule :
       {"sequence-top-k,k=2", "sequence-top-k,k=2,scope=batch", "rank-capacity,k=2,ranks=2,capacity_factor=1",
        "rank-capacity,k=2,ranks=8,capacity_factor=1", "expert-choice,k=2,scope=document,separator=0",
        "expert-choice,k=2,scope=document,separator=7"})
    CHECK(has(all, rule));
  // A rank of one expert takes whoever comes first.
  CHECK_FALSE(has(all, "rank-capacity,k=2,ranks=16,capacity_factor=1"));
  const auto coarse = routing::candidate_rules({4, 40}, 16, 2, {}, false);
  CHECK(has(coarse, "rank-capacity,k=2,ranks=2,capacity_factor=1"));
  CHECK_FALSE(has(coarse, "rank-capacity,k=2,ranks=8,capacity_factor=1"));
}

TEST_CASE("suspects read the future, can be made and are named once", "[suspects]") {
  const std::vector<std::int64_t> separators{0};
  for (const std::int64_t k : {1, 2, 8}) {
    for (const Layout layout : {Layout{8, 32}, Layout{2, 100}, Layout{1, 48}, Layout{16, 8}}) {
      auto all = routing::candidate_rules(layout, 16, k, separators, true);
      INFO(k << ", " << layout.sequences << " x " << layout.positions);
      REQUIRE(all.size() > 5);
      for (const auto& rule : all) {
        INFO(rule);
        const auto spec = parse_rule(rule);
        REQUIRE(spec);
        const auto made = make_rule(spec->id, spec->parameters);
        REQUIRE(made);
        CHECK((*made)->dependence(layout, 16).future);
      }
      for (const auto& rule : routing::candidate_rules(layout, 16, k, separators, false))
        CHECK(has(all, rule));
      std::ranges::sort(all);
      CHECK(std::ranges::adjacent_find(all) == all.end());
    }
  }
}

TEST_CASE("suspects try every chunk size, rows and the whole batch", "[suspects]") {
  const auto all = routing::candidate_rules({4, 40}, 8, 2, {}, true);
  for (const auto* chunk : {"4", "6", "8", "12", "16", "24", "32", "48", "64", "96", "128"})
    CHECK(has(all, std::string("expert-choice,k=2,chunk=") + chunk));
  CHECK(has(all, "expert-choice,k=2"));
  CHECK(has(all, "expert-choice,k=2,scope=sequence"));
  CHECK(has(all, "drop-by-score,k=2,capacity_factor=1.25,scope=sequence"));
  CHECK_FALSE(has(all, "expert-choice,k=2,chunk=2"));  // not every expert would get a token
  CHECK_FALSE(has(all, "expert-choice,k=2,chunk=192"));
  CHECK(has(all, "gshard-top-2,k=2,capacity_factor=1"));
  const auto coarse = routing::candidate_rules({4, 40}, 8, 2, {}, false);
  CHECK(has(coarse, "sinkhorn,k=2,scope=sequence"));
  CHECK_FALSE(has(coarse, "drop-by-score,k=2,capacity_factor=1.25"));
  CHECK_FALSE(has(coarse, "expert-choice,k=2,chunk=12"));
  CHECK(has(routing::candidate_rules({4, 40}, 8, 1, {}, true), "assignment"));
  CHECK_FALSE(has(routing::candidate_rules({4, 40}, 8, 3, {}, true), "gshard-top-2,k=2,capacity_factor=1"));
}

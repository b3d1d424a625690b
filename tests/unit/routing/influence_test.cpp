#include "routing/recorded/influence.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "catch.h"
#include "stats/random.h"

using pastonly::routing::influence_reach;
using pastonly::stats::CounterRng;

namespace {

using Column = std::vector<float>;

// Expert choice by its definition: taken unless `capacity` others stand before it.
bool taken(const Column& column, std::size_t token, std::size_t capacity) {
  std::size_t before = 0;
  for (std::size_t v = 0; v < column.size(); ++v) {
    before += column[v] > column[token] || (column[v] == column[token] && v < token);
  }
  return before < capacity;
}

// Replaces tokens >= u in every way that matters (each stays, goes to the top or to the bottom) and
// selects again.
bool some_future_changes(const Column& column, std::size_t token, std::size_t u, std::size_t capacity) {
  const bool original = taken(column, token, capacity);
  const std::size_t free = column.size() - u;
  std::size_t combinations = 1;
  for (std::size_t i = 0; i < free; ++i) combinations *= 3;
  for (std::size_t code = 0; code < combinations; ++code) {
    Column changed = column;
    std::size_t rest = code;
    for (std::size_t i = 0; i < free; ++i, rest /= 3) {
      if (rest % 3 == 1) changed[u + i] = 1e6F;
      if (rest % 3 == 2) changed[u + i] = -1e6F;
    }
    if (taken(changed, token, capacity) != original) return true;
  }
  return false;
}

std::uint32_t reach_by_brute_force(const Column& column, std::size_t token, std::size_t capacity) {
  for (std::size_t u = column.size() - 1; u > token; --u) {
    if (some_future_changes(column, token, u, capacity)) return static_cast<std::uint32_t>(u - token);
  }
  return 0;
}

}  // namespace

TEST_CASE("the influence map agrees with replacing tokens and selecting again", "[routing][influence]") {
  for (std::uint64_t trial = 0; trial < 120; ++trial) {
    CounterRng rng(21, trial);
    const std::size_t tokens = 1 + rng.below(8);
    const std::size_t capacity = rng.below(tokens + 2);
    const std::uint64_t levels = trial % 3 == 0 ? 3 : 1000;  // many ties in every third
    Column column(tokens);
    for (float& score : column) score = static_cast<float>(rng.below(levels));
    std::vector<std::uint32_t> reach(tokens);
    influence_reach(column, capacity, reach);
    for (std::size_t t = 0; t < tokens; ++t) {
      INFO("trial " << trial << ", token " << t << ", capacity " << capacity);
      CHECK(reach[t] == reach_by_brute_force(column, t, capacity));
    }
  }
}

TEST_CASE("the influence map agrees with the counting rule on larger chunks", "[routing][influence]") {
  CounterRng rng(22);
  constexpr std::size_t tokens = 96, experts = 3, capacity = 24;
  std::vector<float> scores(tokens * experts);
  for (float& score : scores) score = static_cast<float>(rng.below(40));
  std::vector<float> column(tokens);
  std::vector<std::uint32_t> reach(tokens);
  for (std::size_t e = 0; e < experts; ++e) {
    for (std::size_t t = 0; t < tokens; ++t) column[t] = scores[t * experts + e];
    influence_reach(column, capacity, reach);
    for (std::size_t t = 0; t < tokens; ++t) {
      const auto before = [&](std::size_t a, std::size_t b) {
        const float x = scores[a * experts + e], y = scores[b * experts + e];
        return x > y || (x == y && a < b);
      };
      std::size_t rank = 1;
      for (std::size_t v = 0; v < tokens; ++v) rank += before(v, t);
      const bool in = rank <= capacity;
      std::size_t needed = in ? capacity - rank + 1 : rank - capacity, expected = 0;
      for (std::size_t u = tokens; u-- > t + 1 && needed > 0;) {
        if (in ? before(t, u) : before(u, t)) --needed;
        if (needed == 0) expected = u - t;
      }
      CHECK(reach[t] == expected);
    }
  }
}

TEST_CASE("all reaches of a column sum to C (T - C)", "[routing][influence]") {
  for (const auto& [tokens, capacity] :
       {std::pair<std::size_t, std::size_t>{512, 64}, {777, 100}, {64, 63}}) {
    CounterRng rng(23, tokens);
    Column column(tokens);
    for (float& score : column) score = static_cast<float>(rng.uniform());
    std::vector<std::uint32_t> reach(tokens);
    influence_reach(column, capacity, reach);
    std::size_t sum = 0;
    for (const std::uint32_t one : reach) sum += one;
    CHECK(sum == capacity * (tokens - capacity));
  }
}

TEST_CASE("influence at the edges", "[routing][influence]") {
  std::vector<std::uint32_t> none;
  influence_reach({}, 1, none);
  std::vector<std::uint32_t> reach(3, 9);
  influence_reach(Column{3, 2, 1}, 0, reach);
  CHECK(reach == std::vector<std::uint32_t>{0, 0, 0});
  influence_reach(Column{3, 2, 1}, 3, reach);
  CHECK(reach == std::vector<std::uint32_t>{0, 0, 0});
  // Capacity 1 of three tied tokens: the first is taken and depends on the last.
  influence_reach(Column{1, 1, 1}, 1, reach);
  CHECK(reach == std::vector<std::uint32_t>{2, 0, 0});
  const float nan = std::nanf(""), infinity = std::numeric_limits<float>::infinity();
  influence_reach(Column{nan, infinity, -infinity}, 1, reach);
  CHECK(reach == std::vector<std::uint32_t>{2, 0, 0});  // all alike: the first is taken
}

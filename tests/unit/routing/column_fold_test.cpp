#include <algorithm>
#include <limits>
#include <vector>

#include "catch.h"
#include "routing/identify/shared/folded_columns.h"
#include "routing/identify/shared/run_view.h"
#include "stats/random.h"

using namespace pastonly;
using namespace pastonly::routing::hypotheses;

namespace {

struct Rows {
  std::vector<float> scores;       // (tokens, experts)
  std::vector<std::uint8_t> mask;  // (tokens, experts)
};

/// Few distinct values, so that there are ties; zeros of both signs and infinities among them.
Rows random_rows(std::size_t tokens, std::size_t experts, std::uint64_t seed) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  constexpr float values[] = {-infinity, -2.0F, -1.0F, -0.0F, 0.0F, 0.5F, 3.0F, infinity};
  stats::CounterRng rng(seed, 0);
  Rows rows;
  for (std::size_t i = 0; i < tokens * experts; ++i) {
    rows.scores.push_back(values[rng.below(8)]);
    rows.mask.push_back(rng.below(3) == 0 ? 1 : 0);
  }
  return rows;
}

}  // namespace

TEST_CASE("columns folded sixteen at a time are columns folded one by one", "[identify]") {
  for (const std::size_t experts : {1U, 3U, 4U, 8U, 15U, 16U, 17U, 40U, 64U, 70U}) {
    const std::size_t tokens = 37;
    const Rows rows = random_rows(tokens, experts, experts);
    ColumnFold fold(experts);
    fold.add(rows.scores.data(), rows.mask.data(), 5);
    std::vector<std::uint8_t> ordered(tokens - 5);
    fold.add(rows.scores.data() + 5 * experts, rows.mask.data() + 5 * experts, tokens - 5, ordered.data());
    CAPTURE(experts);
    for (std::size_t e = 0; e < experts; ++e) {
      std::int32_t lowest = highest_key, highest = lowest_key;
      std::uint32_t count = 0;
      for (std::size_t t = 0; t < tokens; ++t) {
        const std::int32_t key = order_key(rows.scores[t * experts + e]);
        if (rows.mask[t * experts + e] != 0) lowest = std::min(lowest, key);
        if (rows.mask[t * experts + e] == 0) highest = std::max(highest, key);
        count += rows.mask[t * experts + e];
      }
      CHECK(fold.lowest_chosen[e] == lowest);
      CHECK(fold.highest_left[e] == highest);
      CHECK(fold.counts[e] == count);
    }
  }
}

TEST_CASE("a row's order is that of its lowest chosen and highest left", "[identify]") {
  for (const std::size_t experts : {1U, 3U, 4U, 8U, 15U, 16U, 17U, 40U, 64U, 70U}) {
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
      Rows row = random_rows(1, experts, 1000 * seed + experts);
      if (seed % 2 == 0) {  // the best ones, so that many rows are in order
        for (std::size_t e = 0; e < experts; ++e) row.mask[e] = row.scores[e] > 0.2F ? 1 : 0;
      }
      std::int32_t lowest = highest_key, highest = lowest_key;
      for (std::size_t e = 0; e < experts; ++e) {
        const std::int32_t key = order_key(row.scores[e]);
        (row.mask[e] != 0 ? lowest : highest) =
            row.mask[e] != 0 ? std::min(lowest, key) : std::max(highest, key);
      }
      std::uint8_t ordered = 2;
      ColumnFold(experts).add(row.scores.data(), row.mask.data(), 1, &ordered);
      CAPTURE(experts, seed);
      CHECK(ordered == (lowest >= highest ? 1 : 0));
    }
  }
}

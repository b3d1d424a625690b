#include "kernels/column_fold.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "catch.h"
#include "routing/identify/shared/run_view.h"
#include "stats/random.h"
#include "unit/kernels/each_target.h"

using namespace pastonly;

namespace {

struct Folded {
  std::vector<std::int32_t> lowest, highest;
  std::vector<std::uint32_t> counts;
  std::vector<float> sums;
  std::vector<std::uint8_t> ordered;

  Folded(std::size_t rows, std::size_t columns)
      : lowest(columns, 1000),
        highest(columns, -1000),
        counts(columns, 3),
        sums(columns, 0.25F),
        ordered(rows, 9) {}
  kernels::FoldedColumns out() { return {lowest.data(), highest.data(), counts.data(), sums.data()}; }
};

struct Rows {
  std::vector<float> scores;       // (rows, columns)
  std::vector<std::uint8_t> mask;  // (rows, columns)
};

Rows random_rows(std::size_t rows, std::size_t columns, bool nan) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  constexpr float odd[] = {-infinity, infinity, -0.0F, 0.0F, NAN};
  stats::CounterRng rng(columns, rows);
  Rows out;
  for (std::size_t i = 0; i < rows * columns; ++i) {
    const bool special = rng.below(40) == 0;
    out.scores.push_back(special ? odd[rng.below(nan ? 5 : 4)] : static_cast<float>(rng.normal()));
    // Every other row its better half, so that rows are in order.
    out.mask.push_back(i / columns % 2 == 0 ? (out.scores.back() > 0.5F ? 1 : 0)
                                            : (rng.below(3) == 0 ? 1 : 0));
  }
  return out;
}

Folded fold_plainly(const Rows& in, std::size_t rows, std::size_t columns) {
  Folded out(rows, columns);
  std::vector<float> sums(columns, 0.0F);
  for (std::size_t i = 0; i < rows; ++i) {
    std::int32_t low = std::numeric_limits<std::int32_t>::max(),
                 high = std::numeric_limits<std::int32_t>::min();
    for (std::size_t c = 0; c < columns; ++c) {
      const float score = in.scores[i * columns + c];
      const std::int32_t key = routing::hypotheses::order_key(score);
      sums[c] += score;
      if (in.mask[i * columns + c] != 0) {
        low = std::min(low, key);
        out.lowest[c] = std::min(out.lowest[c], key);
        ++out.counts[c];
      } else {
        high = std::max(high, key);
        out.highest[c] = std::max(out.highest[c], key);
      }
    }
    out.ordered[i] = low >= high ? 1 : 0;
  }
  for (std::size_t c = 0; c < columns; ++c) out.sums[c] = sums[c] + out.sums[c];
  return out;
}

/// Equal to the last bit, NaN being one.
bool same(const std::vector<float>& a, const std::vector<float>& b) {
  return std::ranges::equal(a, b, [](float x, float y) {
    return std::isnan(x) ? std::isnan(y) : std::bit_cast<std::uint32_t>(x) == std::bit_cast<std::uint32_t>(y);
  });
}

}  // namespace

TEST_CASE("columns fold as one by one, under every target", "[kernels][identify]") {
  for (const std::size_t columns : {1U, 3U, 15U, 16U, 17U, 32U, 40U, 64U, 70U, 128U, 131U}) {
    for (const bool nan : {false, true}) {
      constexpr std::size_t rows = 37;
      const Rows in = random_rows(rows, columns, nan);
      const Folded expected = fold_plainly(in, rows, columns);
      kernels::for_each_target([&] {
        for (const bool order : {false, true}) {
          CAPTURE(columns, nan, order);
          Folded found(rows, columns);
          kernels::fold_columns(in.scores.data(), in.mask.data(), rows, columns, found.out(),
                                order ? found.ordered.data() : nullptr);
          CHECK(found.lowest == expected.lowest);
          CHECK(found.highest == expected.highest);
          CHECK(found.counts == expected.counts);
          CHECK(same(found.sums, expected.sums));
          if (order) CHECK(found.ordered == expected.ordered);
        }
      });
    }
  }
}

#include "kernels/column_keys.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "catch.h"
#include "routing/selection/order_key.h"
#include "stats/random.h"
#include "unit/kernels/each_target.h"

using namespace pastonly;
using kernels::key_columns;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float odd_values[] = {-infinity, -2.0F, -1e-40F, -0.0F, 0.0F, 1e-40F, 0.5F, 3.0F, infinity, NAN};

/// Few distinct values, so that there are ties.
std::vector<float> tied_scores(std::size_t count, std::uint64_t seed) {
  stats::CounterRng rng(seed, 0);
  std::vector<float> scores(count);
  for (float& score : scores) score = odd_values[rng.below(std::size(odd_values))];
  return scores;
}

struct Packed {
  std::vector<std::int32_t> keys;
  kernels::KeyRange range{};
  std::size_t rows = 0;
};
Packed pack(const std::vector<float>& scores, std::size_t columns, const std::vector<std::uint8_t>& valid) {
  const std::size_t rows = scores.size() / columns;
  Packed packed;
  packed.keys.resize(rows * key_columns);
  packed.rows = kernels::write_keys(scores.data(), columns, rows, std::min(columns, key_columns),
                                    valid.empty() ? nullptr : valid.data(), packed.keys.data(), packed.range);
  return packed;
}

}  // namespace

TEST_CASE("keys of columns order as scores compare", "[kernels][routing]") {
  kernels::for_each_target([&] {
    const auto packed = pack({std::begin(odd_values), std::end(odd_values)}, 1, {});
    for (std::size_t i = 0; i < std::size(odd_values); ++i) {
      for (std::size_t j = 0; j < std::size(odd_values); ++j) {
        const bool below = routing::comparable(odd_values[i]) < routing::comparable(odd_values[j]);
        CHECK((packed.keys[i * key_columns] < packed.keys[j * key_columns]) == below);
      }
    }
    CHECK(packed.range.lowest[0] == packed.keys[0]);
    CHECK(packed.range.highest[0] == packed.keys[7 * key_columns]);
  });
}

TEST_CASE("rows that are not valid have no keys", "[kernels][routing]") {
  kernels::for_each_target([&] {
    const auto packed = pack({5.0F, 1.0F, 2.0F, 9.0F}, 1, {0, 1, 1, 0});
    CHECK(packed.rows == 2);
    CHECK(packed.keys[0] == packed.range.lowest[0]);
    CHECK(packed.keys[key_columns] == packed.range.highest[0]);
    CHECK(packed.keys[0] < packed.keys[key_columns]);
  });
}

TEST_CASE("keys are counted and closed in on as one by one", "[kernels][routing]") {
  for (const std::size_t columns : {1U, 7U, 16U, 21U}) {
    for (const std::size_t step : {1U, 3U}) {
      constexpr std::size_t rows = 41;
      const auto scores = tied_scores(rows * columns, columns);
      kernels::for_each_target([&] {
        const auto packed = pack(scores, columns, {});
        const kernels::KeyBlock block{packed.keys.data(), rows, step};
        const std::int32_t* const thresholds = packed.keys.data() + 5 * key_columns;
        std::array<std::uint32_t, key_columns> counts{};
        kernels::count_above(block, thresholds, counts.data());
        kernels::KeyRange range{};
        std::copy(thresholds, thresholds + key_columns, range.lowest);
        std::copy(thresholds, thresholds + key_columns, range.highest);
        kernels::tighten(block, range);
        for (std::size_t c = 0; c < key_columns; ++c) {
          std::uint32_t above = 0;
          std::int32_t next = std::numeric_limits<std::int32_t>::max();
          std::int32_t last = std::numeric_limits<std::int32_t>::min();
          for (std::size_t i = 0; i < rows; i += step) {
            const std::int32_t key = packed.keys[i * key_columns + c];
            above += key > thresholds[c] ? 1 : 0;
            if (key > thresholds[c]) next = std::min(next, key);
            if (key <= thresholds[c]) last = std::max(last, key);
          }
          CHECK(counts[c] == above);
          CHECK(range.lowest[c] == next);
          CHECK(range.highest[c] == last);
        }
      });
    }
  }
}

TEST_CASE("scores are marked above a threshold, ties up to a row", "[kernels][routing]") {
  for (const std::size_t columns : {1U, 7U, 16U, 21U, 64U}) {
    constexpr std::size_t rows = 23, first = 10;
    const auto scores = tied_scores(rows * columns, columns);
    std::vector<std::uint8_t> valid(rows, 1);
    valid[3] = 0;
    std::vector<std::int32_t> thresholds((columns + 15) / 16 * 16), ties_end(thresholds.size());
    kernels::for_each_target([&] {
      std::vector<std::int32_t> keys(scores.size());
      for (std::size_t i = 0; i < scores.size(); ++i) keys[i] = pack({scores[i]}, 1, {}).keys[0];
      for (std::size_t c = 0; c < columns; ++c) {
        thresholds[c] = keys[c];
        ties_end[c] = static_cast<std::int32_t>(c % 40);
      }
      std::vector<std::uint8_t> chosen(scores.size(), 7), expected(scores.size(), 7);
      kernels::mark_above(scores.data(), rows, columns, valid.data(), first,
                          {thresholds.data(), ties_end.data()}, chosen.data());
      for (std::size_t i = 0; i < scores.size(); ++i) {
        const std::size_t row = i / columns, c = i % columns;
        const bool tied = keys[i] == thresholds[c] && static_cast<std::int32_t>(first + row) < ties_end[c];
        if (valid[row] != 0) expected[i] = keys[i] > thresholds[c] || tied ? 1 : 0;
      }
      CHECK(chosen == expected);
    });
  }
}

#include "kernels/score_sums.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <vector>

#include "catch.h"
#include "stats/random.h"
#include "unit/kernels/each_target.h"

using namespace pastonly;

TEST_CASE("a row's sum is sixteen sums added by halves", "[kernels][subject]") {
  for (const std::size_t columns : {1U, 5U, 16U, 19U, 64U, 200U}) {
    stats::CounterRng rng(columns, 0);
    std::vector<float> row(columns), sums(columns, 0.5F);
    for (float& score : row) score = static_cast<float>(rng.normal());
    float partial[16] = {};
    double wide[16];
    for (std::size_t i = 0; i < columns; ++i) {
      partial[i % 16] += row[i];
      sums[i] += row[i];
    }
    std::copy(partial, partial + 16, wide);
    for (std::size_t half = 8; half > 0; half /= 2) {
      for (std::size_t i = 0; i < half; ++i) wide[i] += wide[i + half];
    }
    kernels::for_each_target([&] {
      std::vector<float> found(columns, 0.5F);
      CHECK(kernels::add_score_row(row.data(), columns, found.data()) == wide[0]);
      CHECK(found == sums);
    });
  }
}

TEST_CASE("the largest magnitude and any sign are seen wherever they stand", "[kernels][subject]") {
  for (const float odd : {-3.0F, -0.0F, 4.0F, INFINITY, -INFINITY, NAN}) {
    for (const std::size_t count : {1U, 15U, 16U, 33U}) {
      for (std::size_t at = 0; at < count; ++at) {
        std::vector<float> values(count, 0.5F);
        values[at] = odd;
        std::uint32_t largest = 0;
        for (const float value : values)
          largest = std::max(largest, std::bit_cast<std::uint32_t>(value) & 0x7fff'ffffU);
        kernels::for_each_target([&] {
          const auto bits = kernels::score_bits(values.data(), count);
          CHECK(bits.largest == largest);
          CHECK(bits.negative == std::signbit(odd));
        });
      }
    }
  }
}

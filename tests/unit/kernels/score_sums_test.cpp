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

TEST_CASE("total variation is half the distance of two rows' shares, and of shares alone",
          "[kernels][compare]") {
  for (const std::size_t columns : {1U, 3U, 16U, 17U, 64U, 200U}) {
    stats::CounterRng rng(columns, 1);
    std::vector<float> one(columns), other(columns);
    long double sums[2] = {0.0L, 0.0L}, expected = 0.0L;
    for (std::size_t e = 0; e < columns; ++e) {
      one[e] = static_cast<float>(rng.uniform()) + 0.01F;
      other[e] = 1e6F * static_cast<float>(rng.uniform()) + 0.01F;
      sums[0] += one[e];
      sums[1] += other[e];
    }
    for (std::size_t e = 0; e < columns; ++e)
      expected += std::abs(one[e] / sums[0] - other[e] / sums[1]) / 2.0L;
    double first_target = -1.0;
    kernels::for_each_target([&] {
      const double found = kernels::total_variation(one.data(), other.data(), columns);
      CHECK_THAT(found, Catch::Matchers::WithinAbs(static_cast<double>(expected), 1e-15));
      if (first_target < 0.0) first_target = found;
      CHECK(found == first_target);
      CHECK(kernels::total_variation(one.data(), one.data(), columns) == 0.0);
      for (const float bad : {-1e-30F, NAN, INFINITY}) {
        for (const std::size_t at : {std::size_t{0}, columns / 2, columns - 1}) {
          auto broken = other;
          broken[at] = bad;
          CHECK(std::isnan(kernels::total_variation(one.data(), broken.data(), columns)));
          CHECK(std::isnan(kernels::total_variation(broken.data(), one.data(), columns)));
        }
      }
      const std::vector<float> zeros(columns, 0.0F);
      CHECK(std::isnan(kernels::total_variation(one.data(), zeros.data(), columns)));
      CHECK(std::isnan(kernels::total_variation(zeros.data(), one.data(), columns)));
    });
  }
}

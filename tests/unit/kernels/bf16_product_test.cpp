#include "kernels/bf16_product.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <vector>

#include "catch.h"
#include "stats/random.h"
#include "unit/kernels/each_target.h"

namespace pastonly::kernels {

TEST_CASE("products of bfloat16 sum what the rounded numbers give", "[kernels]") {
  for_each_target([] {
    stats::CounterRng random(2);
    const auto truncated = [&] {
      const auto number = static_cast<float>(random.normal());
      std::uint32_t bits = 0;
      std::memcpy(&bits, &number, sizeof bits);
      return static_cast<std::uint16_t>(bits >> 16);
    };
    const auto value = [](std::uint16_t bits) {
      const std::uint32_t word = std::uint32_t{bits} << 16;
      float out = 0.0F;
      std::memcpy(&out, &word, sizeof out);
      return static_cast<double>(out);
    };
    for (const auto& [m, n, k] :
         std::vector<std::array<std::size_t, 3>>{{1, 1, 2}, {13, 37, 70}, {40, 64, 1200}}) {
      INFO(m << " x " << n << " x " << k);
      std::vector<std::uint16_t> b(n * k);
      for (auto& bits : b) bits = truncated();
      std::vector<float> a(m * k), c(m * n);
      for (float& number : a) number = static_cast<float>(value(truncated()));  // rounds to itself
      Bf16Rows rows;
      rows.resize(m, k);
      for (std::size_t r = 0; r < m; ++r) rows.set(r, a.data() + r * k);
      bf16_product(rows, 0, {reinterpret_cast<const std::byte*>(b.data()), n, k, k}, {c.data(), m, n});
      // A row alone gives the same bits.
      std::vector<float> alone(n);
      bf16_product(rows, m - 1, {reinterpret_cast<const std::byte*>(b.data()), n, k, k},
                   {alone.data(), 1, n});
      CHECK(std::equal(alone.begin(), alone.end(), c.begin() + static_cast<std::ptrdiff_t>((m - 1) * n)));
      for (std::size_t r = 0; r < m; ++r) {
        for (std::size_t o = 0; o < n; ++o) {
          double sum = 0.0;
          for (std::size_t i = 0; i < k; ++i) sum += static_cast<double>(a[r * k + i]) * value(b[o * k + i]);
          REQUIRE(static_cast<double>(c[r * n + o]) == Approx(sum).margin(2e-4));
        }
      }
    }
  });
}

TEST_CASE("rounding to bfloat16", "[kernels]") {
  for_each_target([] {
    Bf16Rows rows;
    rows.resize(1, 5);
    const std::array<float, 5> values{1.0F, 1.0F + 0x1p-8F, 1.0F + 0x3p-8F, std::nanf(""), -3.14159265F};
    rows.set(0, values.data());
    const auto at = [&](std::size_t i) {
      if (has_bf16_products()) return (rows.words()(0, i / 2) >> (i % 2 * 16)) & 0xFFFFU;
      return std::bit_cast<std::uint32_t>(rows.floats()(0, i)) >> 16;
    };
    CHECK(at(0) == 0x3F80);
    CHECK(at(1) == 0x3F80);  // a tie goes to the even one
    CHECK(at(2) == 0x3F82);
    CHECK((at(3) & 0x7FFF) > 0x7F80);
    CHECK(at(4) == 0xC049);
    if (has_bf16_products()) CHECK(at(5) == 0);
  });
}

}  // namespace pastonly::kernels

#include "checkpoint/encoding.h"

#include <cmath>
#include <cstring>
#include <vector>

#include "catch.h"
#include "checkpoint/stored_matrix.h"
#include "stats/random.h"

namespace pastonly::checkpoint {
namespace {

TEST_CASE("E4M3 as the OCP specification lists it", "[checkpoint]") {
  CHECK(e4m3_to_float(0x00) == 0.0F);
  CHECK(std::signbit(e4m3_to_float(0x80)));
  CHECK(e4m3_to_float(0x01) == 0x1p-9F);
  CHECK(e4m3_to_float(0x07) == 0.875F * 0x1p-6F);
  CHECK(e4m3_to_float(0x08) == 0x1p-6F);
  CHECK(e4m3_to_float(0x38) == 1.0F);
  CHECK(e4m3_to_float(0x7E) == 448.0F);
  CHECK(e4m3_to_float(0xFE) == -448.0F);
  CHECK(std::isnan(e4m3_to_float(0x7F)));
  CHECK(std::isnan(e4m3_to_float(0xFF)));
  CHECK(e8m0_to_float(127) == 1.0F);
  CHECK(e8m0_to_float(0) == 0x1p-127F);
  CHECK(std::isnan(e8m0_to_float(255)));
}

/// c = x times some outputs of the matrix, against sums in double over `weight(output, input)`.
template <class Weight>
void check_products(const StoredMatrix& matrix, Weight&& weight) {
  const std::size_t rows = 5, first = 1, count = matrix.outputs - 2;
  std::vector<float> x(rows * matrix.inputs), c(rows * count);
  stats::CounterRng random(3);
  for (float& value : x) value = static_cast<float>(random.normal());
  TileScratch scratch;
  multiply({{x.data(), rows, matrix.inputs}}, matrix, first, count, {c.data(), rows, count}, scratch);
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t o = 0; o < count; ++o) {
      double sum = 0.0;
      for (std::size_t i = 0; i < matrix.inputs; ++i)
        sum += static_cast<double>(x[r * matrix.inputs + i]) * weight(first + o, i);
      REQUIRE(static_cast<double>(c[r * count + o]) == Approx(sum).margin(1e-3));
    }
  }
}

TEST_CASE("products with stored matrices of every layout", "[checkpoint]") {
  const std::size_t outputs = 40, inputs = 70;
  std::vector<std::uint16_t> stored(2 * outputs * inputs + 1);
  stats::CounterRng random(1);
  for (auto& value : stored) {  // bfloat16 of ordinary size
    const auto number = static_cast<float>(random.normal());
    std::uint32_t bits = 0;
    std::memcpy(&bits, &number, sizeof bits);
    value = static_cast<std::uint16_t>(bits >> 16);
  }
  const auto at = [&](std::size_t i) {
    const std::uint32_t bits = std::uint32_t{stored[i]} << 16;
    float out = 0.0F;
    std::memcpy(&out, &bits, sizeof out);
    return static_cast<double>(out);
  };
  StoredMatrix matrix;
  matrix.encoding = Encoding::bf16;
  matrix.data = reinterpret_cast<const std::byte*>(stored.data());
  matrix.outputs = outputs;
  matrix.inputs = inputs;
  SECTION("outputs first, the second half") {
    matrix.line = inputs;
    matrix.first = outputs;
    check_products(matrix, [&](std::size_t o, std::size_t i) { return at((outputs + o) * inputs + i); });
  }
  SECTION("outputs first, every second") {
    matrix.line = inputs;
    matrix.first = 1;
    matrix.step = 2;
    check_products(matrix, [&](std::size_t o, std::size_t i) { return at((2 * o + 1) * inputs + i); });
  }
  SECTION("inputs first, every second") {
    matrix.line = 2 * outputs;
    matrix.inputs_first = true;
    matrix.first = 1;
    matrix.step = 2;
    check_products(matrix, [&](std::size_t o, std::size_t i) { return at(i * 2 * outputs + 2 * o + 1); });
  }
}

}  // namespace
}  // namespace pastonly::checkpoint

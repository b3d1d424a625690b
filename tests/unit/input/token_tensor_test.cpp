#include <bit>
#include <cmath>
#include <cstring>
#include <vector>

#include "catch.h"
#include "kernels/half_float.h"
#include "pastonly/trace.h"

namespace pastonly {
namespace {

/// binary16 by its definition (IEEE 754-2019, 3.4).
double half_by_definition(std::uint16_t half) {
  const int exponent = (half >> 10) & 31, fraction = half & 1023;
  const double sign = (half >> 15) != 0 ? -1.0 : 1.0;
  if (exponent == 31) return fraction != 0 ? std::nan("") : sign * INFINITY;
  if (exponent == 0) return sign * std::ldexp(fraction, -24);
  return sign * std::ldexp(1024 + fraction, exponent - 25);
}

template <class T>
TokenTensor view(DType type, const std::vector<T>& values, std::size_t sequences, std::size_t positions,
                 std::size_t columns) {
  const std::size_t width = columns * sizeof(T);
  return {type,
          sequences,
          positions,
          columns,
          positions * width,
          width,
          reinterpret_cast<const std::byte*>(values.data())};
}

TEST_CASE("every half converts as IEEE 754 defines it", "[input]") {
  for (unsigned bits = 0; bits < 65'536; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const double expected = half_by_definition(half);
    const auto got = static_cast<double>(kernels::half_to_float(half));
    if (std::isnan(expected) ? !std::isnan(got)
                             : got != expected || std::signbit(got) != std::signbit(expected)) {
      FAIL("half " << bits << " gave " << got << ", expected " << expected);
    }
  }
  CHECK(kernels::bfloat_to_float(0x3f80) == 1.0f);
  CHECK(kernels::bfloat_to_float(0xc000) == -2.0f);
}

TEST_CASE("aligned dense float32 is read in place, everything else is converted", "[input]") {
  std::vector<float> values(24);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i) / 4.0f;
  std::vector<float> scratch;
  const auto tensor = view(DType::f32, values, 2, 4, 3);
  CHECK(read_floats(tensor, 3, 4, scratch).data() == values.data() + 9);
  CHECK(scratch.empty());

  std::vector<std::byte> shifted(values.size() * 4 + 1);
  std::memcpy(shifted.data() + 1, values.data(), values.size() * 4);
  auto unaligned = tensor;
  unaligned.data = shifted.data() + 1;
  const auto read = read_floats(unaligned, 1, 6, scratch);
  CHECK(read.data() == scratch.data());
  CHECK(std::equal(read.data(), read.data() + 18, values.data() + 3));

  const std::vector<double> wide(values.begin(), values.end());
  CHECK(read_floats(view(DType::f64, wide, 2, 4, 3), 7, 1, scratch)(0, 2) == values[23]);
}

TEST_CASE("strides address sequence-major and interleaved arrays", "[input]") {
  // (positions 3, sequences 2, columns 2): token (b, s) stands at s * 2 + b.
  std::vector<std::int32_t> values(12);
  for (int i = 0; i < 12; ++i) values[static_cast<std::size_t>(i)] = i;
  auto tensor = view(DType::i32, values, 2, 3, 2);
  tensor.sequence_stride = 8;
  tensor.position_stride = 16;
  std::vector<std::int64_t> scratch;
  const auto all = read_integers(tensor, 0, 6, scratch);
  const std::vector<std::int64_t> expected{0, 1, 4, 5, 8, 9, 2, 3, 6, 7, 10, 11};
  CHECK(std::equal(expected.begin(), expected.end(), all.data()));
  const auto middle = read_integers(tensor, 2, 2, scratch);
  CHECK(middle(0, 0) == 8);
  CHECK(middle(1, 1) == 3);
}

TEST_CASE("the effective mask is mask and gate, by expert and by choice", "[input]") {
  const std::vector<std::uint8_t> mask{1, 0, 1, 1, 0, 0};
  const std::vector<float> gates{0.5f, 0.7f, 0.0f, 0.25f, 0.0f, 0.0f};
  LayerRecord layer;
  layer.experts = 3;
  layer.mask = view(DType::u8, mask, 1, 2, 3);
  CHECK(read_mask(layer)(0, 2) == 1);
  layer.gates = view(DType::f32, gates, 1, 2, 3);
  const auto effective = read_mask(layer);
  CHECK(std::vector<int>(effective.view().data(), effective.view().data() + 6) ==
        std::vector<int>{1, 0, 0, 1, 0, 0});
  std::vector<float> read(6);
  read_gates(layer, 0, 2, read);
  CHECK(read == std::vector<float>{0.5f, 0.0f, 0.0f, 0.25f, 0.0f, 0.0f});

  const std::vector<std::int16_t> ids{2, 0, 1, -1, 9, 1};
  const std::vector<float> weights{0.6f, 0.4f, 0.0f, 0.3f, 0.9f, 0.1f};
  LayerRecord by_choice;
  by_choice.experts = 3;
  by_choice.chosen = view(DType::i16, ids, 1, 3, 2);
  by_choice.gates = view(DType::f32, weights, 1, 3, 2);
  const auto chosen = read_mask(by_choice);
  // Token 1 chose expert 1 with gate 0 and nobody else; token 2 named expert 9, which does not exist.
  CHECK(std::vector<int>(chosen.view().data(), chosen.view().data() + 9) ==
        std::vector<int>{1, 0, 1, 0, 0, 0, 0, 1, 0});
  std::vector<float> out(9);
  read_gates(by_choice, 0, 3, out);
  CHECK(out == std::vector<float>{0.4f, 0, 0.6f, 0, 0, 0, 0, 0.1f, 0});
}

TEST_CASE("mask rows stand in the file where they are the effective mask already", "[input]") {
  std::vector<std::uint8_t> mask{1, 0, 1, 1, 0, 0};
  const std::vector<float> gates{0.5f, 0.7f, 0.0f, 0.25f, 0.0f, 0.0f};
  LayerRecord layer;
  layer.experts = 3;
  layer.mask = view(DType::u8, mask, 1, 2, 3);
  std::vector<std::uint8_t> scratch;
  CHECK(mask_rows(layer, 0, 2, scratch).data() == mask.data());
  CHECK(mask_rows(layer, 1, 1, scratch).data() == mask.data() + 3);

  mask[0] = 255;  // true, but not 1
  const auto copied = mask_rows(layer, 0, 2, scratch);
  CHECK(copied.data() == scratch.data());
  CHECK(copied(0, 0) == 1);
  CHECK(mask_rows(layer, 1, 1, scratch).data() == mask.data() + 3);

  layer.gates = view(DType::f32, gates, 1, 2, 3);
  const auto effective = mask_rows(layer, 0, 2, scratch);
  CHECK(effective.data() == scratch.data());
  CHECK(effective(0, 2) == 0);
}

}  // namespace
}  // namespace pastonly

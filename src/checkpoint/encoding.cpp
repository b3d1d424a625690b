#include "checkpoint/encoding.h"

#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "checkpoint/gguf_blocks.h"
#include "kernels/half_float.h"

namespace pastonly::checkpoint {
namespace {

struct EncodingName {
  std::string_view name;
  Encoding encoding;
  std::size_t bytes;
};
constexpr auto encoding_names = std::to_array<EncodingName>({{"F32", Encoding::f32, 4},
                                                             {"F16", Encoding::f16, 2},
                                                             {"BF16", Encoding::bf16, 2},
                                                             {"F64", Encoding::f64, 8},
                                                             {"F8_E4M3", Encoding::e4m3, 1},
                                                             {"F8_E8M0", Encoding::e8m0, 1},
                                                             {"I8", Encoding::i8, 1}});

std::optional<Encoding> named(std::string_view dtype) noexcept {
  for (const auto& entry : encoding_names) {
    if (entry.name == dtype) return entry.encoding;
  }
  return std::nullopt;
}

std::array<float, 256> make_e4m3_table() {
  std::array<float, 256> table{};
  for (std::size_t i = 0; i < table.size(); ++i) table[i] = e4m3_to_float(static_cast<std::uint8_t>(i));
  return table;
}

const std::array<float, 256>& e4m3_table() {
  static const std::array<float, 256> table = make_e4m3_table();
  return table;
}

template <class Stored, class Convert>
void convert(const std::byte* data, std::size_t first, std::size_t step, std::size_t count, float* out,
             Convert&& to_float) {
  const std::byte* from = data + first * sizeof(Stored);
  if (step == 1) {
    for (std::size_t i = 0; i < count; ++i) {
      Stored stored;
      std::memcpy(&stored, from + i * sizeof(Stored), sizeof(Stored));
      out[i] = to_float(stored);
    }
    return;
  }
  for (std::size_t i = 0; i < count; ++i) {
    Stored stored;
    std::memcpy(&stored, from + i * step * sizeof(Stored), sizeof(Stored));
    out[i] = to_float(stored);
  }
}

}  // namespace

std::optional<Encoding> encoding_of(std::string_view dtype) noexcept {
  const auto found = named(dtype);
  return found == Encoding::e8m0 || found == Encoding::i8 ? std::nullopt : found;
}

std::optional<Encoding> scale_encoding_of(std::string_view dtype) noexcept {
  const auto found = named(dtype);
  return found == Encoding::e4m3 || found == Encoding::i8 ? std::nullopt : found;
}

std::size_t bytes_of(Encoding encoding) noexcept {
  for (const auto& entry : encoding_names) {
    if (entry.encoding == encoding) return entry.bytes;
  }
  return 0;
}

float e4m3_to_float(std::uint8_t bits) noexcept {
  const int exponent = (bits >> 3) & 15, fraction = bits & 7;
  float value = 0.0F;
  if (exponent == 15 && fraction == 7) {
    value = std::numeric_limits<float>::quiet_NaN();
  } else if (exponent == 0) {
    value = std::ldexp(static_cast<float>(fraction), -9);
  } else {
    value = std::ldexp(static_cast<float>(8 + fraction), exponent - 10);
  }
  return (bits & 0x80) != 0 ? -value : value;
}

float e8m0_to_float(std::uint8_t bits) noexcept {
  if (bits == 255) return std::numeric_limits<float>::quiet_NaN();
  return std::ldexp(1.0F, static_cast<int>(bits) - 127);
}

void decode(Encoding encoding, const std::byte* data, std::size_t first, std::size_t count, float* out) {
  decode_strided(encoding, data, first, 1, count, out);
}

void decode_strided(Encoding encoding, const std::byte* data, std::size_t first, std::size_t step,
                    std::size_t count, float* out) {
  switch (encoding) {
    case Encoding::f32:
      return convert<float>(data, first, step, count, out, [](float value) { return value; });
    case Encoding::f16:
      if (step == 1) return kernels::halves_to_floats(data + first * 2, count, out);
      return convert<std::uint16_t>(data, first, step, count, out, kernels::half_to_float);
    case Encoding::bf16:
      return convert<std::uint16_t>(data, first, step, count, out, kernels::bfloat_to_float);
    case Encoding::f64:
      return convert<double>(data, first, step, count, out,
                             [](double value) { return static_cast<float>(value); });
    case Encoding::e4m3: {
      const auto& table = e4m3_table();
      return convert<std::uint8_t>(data, first, step, count, out,
                                   [&](std::uint8_t bits) { return table[bits]; });
    }
    case Encoding::e8m0:
      return convert<std::uint8_t>(data, first, step, count, out, e8m0_to_float);
    case Encoding::i8:
      return convert<std::int8_t>(data, first, step, count, out,
                                  [](std::int8_t value) { return static_cast<float>(value); });
  }
}

}  // namespace pastonly::checkpoint

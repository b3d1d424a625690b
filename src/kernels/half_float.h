#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace pastonly::kernels {

/// IEEE 754 binary16 to binary32, exact, NaN and infinities included.
inline float half_to_float(std::uint16_t half) noexcept {
  const std::uint32_t word = std::uint32_t{half} << 16;
  const std::uint32_t sign = word & 0x8000'0000u;
  const std::uint32_t doubled = word + word;
  // Normal numbers: move the fraction into place and correct the exponent's bias by a product.
  const float normal = std::bit_cast<float>((doubled >> 4) + (0xE0u << 23)) * 0x1.0p-112f;
  // Subnormal numbers: place the fraction below 0.5 and subtract it.
  const float subnormal = std::bit_cast<float>((doubled >> 17) | (126u << 23)) - 0.5f;
  const float magnitude = doubled < (1u << 27) ? subnormal : normal;
  return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(magnitude));
}

inline float bfloat_to_float(std::uint16_t bfloat) noexcept {
  return std::bit_cast<float>(std::uint32_t{bfloat} << 16);
}

/// The same of `count` numbers that stand side by side, at any address.
void halves_to_floats(const std::byte* from, std::size_t count, float* out);

}  // namespace pastonly::kernels

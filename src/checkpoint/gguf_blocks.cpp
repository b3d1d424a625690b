#include "checkpoint/gguf_blocks.h"

#include <array>
#include <bit>
#include <cstring>

#include "kernels/half_float.h"

namespace pastonly::checkpoint {
namespace {

// One function a type: one block. Layouts: ggml-common.h of llama.cpp; the order of operations, which decides
// the last bit, is that of gguf.quants.

using Byte = std::uint8_t;

constexpr std::size_t small_block = 32;

constexpr std::array<std::int8_t, 16> nonlinear{-127, -104, -83, -65, -49, -35, -22, -10,
                                                1,    13,   25,  38,  53,  69,  89,  113};
/// E2M1 numbers, doubled; their scales are halved.
constexpr std::array<std::int8_t, 16> doubled_e2m1{0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

float half_at(const Byte* at) {
  std::uint16_t bits = 0;
  std::memcpy(&bits, at, sizeof(bits));
  return kernels::half_to_float(bits);
}

std::uint32_t word_at(const Byte* at) {
  std::uint32_t bits = 0;
  std::memcpy(&bits, at, sizeof(bits));
  return bits;
}

/// body(i, value) of the 32 numbers of 16 bytes: low halves first, then high halves.
template <class Body>
void for_nibbles(const Byte* bytes, Body&& body) {
  for (std::size_t i = 0; i < 16; ++i) body(i, bytes[i] & 15);
  for (std::size_t i = 0; i < 16; ++i) body(16 + i, bytes[i] >> 4);
}

void q4_0(const Byte* block, float* out) {
  const float scale = half_at(block);
  for_nibbles(block + 2, [&](std::size_t i, int value) { out[i] = scale * static_cast<float>(value - 8); });
}

void q4_1(const Byte* block, float* out) {
  const float scale = half_at(block), least = half_at(block + 2);
  for_nibbles(block + 4,
              [&](std::size_t i, int value) { out[i] = scale * static_cast<float>(value) + least; });
}

void q5_0(const Byte* block, float* out) {
  const float scale = half_at(block);
  const std::uint32_t fifth = word_at(block + 2);
  for_nibbles(block + 6, [&](std::size_t i, int value) {
    out[i] = scale * static_cast<float>((value | static_cast<int>(fifth >> i & 1) << 4) - 16);
  });
}

void q5_1(const Byte* block, float* out) {
  const float scale = half_at(block), least = half_at(block + 2);
  const std::uint32_t fifth = word_at(block + 4);
  for_nibbles(block + 8, [&](std::size_t i, int value) {
    out[i] = scale * static_cast<float>(value | static_cast<int>(fifth >> i & 1) << 4) + least;
  });
}

void q8_0(const Byte* block, float* out) {
  const float scale = half_at(block);
  for (std::size_t i = 0; i < small_block; ++i)
    out[i] = static_cast<float>(static_cast<std::int8_t>(block[2 + i])) * scale;
}

void iq4_nl(const Byte* block, float* out) {
  const float scale = half_at(block);
  for_nibbles(block + 2, [&](std::size_t i, int value) {
    out[i] = scale * static_cast<float>(nonlinear[static_cast<std::size_t>(value)]);
  });
}

void mxfp4(const Byte* block, float* out) {
  // Half of the power of two, so that 0 is 2^-128, and 255 is 2^127 and no NaN.
  const std::uint32_t exponent = block[0];
  const float scale =
      std::bit_cast<float>(exponent < 2 ? std::uint32_t{0x0020'0000} << exponent : (exponent - 1) << 23);
  for_nibbles(block + 1, [&](std::size_t i, int value) {
    out[i] = scale * static_cast<float>(doubled_e2m1[static_cast<std::size_t>(value)]);
  });
}

// Of the 256 numbers of a large block, group g holds 16.

/// Where the two bits of a group's first number stand in 64 bytes, and how far up: 32 bytes hold 128 numbers,
/// the first 32 in their lowest bits.
const Byte* two_bits(const Byte* bytes, std::size_t g) { return bytes + g / 8 * 32 + g % 2 * 16; }
int two_bits_shift(std::size_t g) { return static_cast<int>(g % 8 / 2 * 2); }

void q2_k(const Byte* block, float* out) {
  const float scale = half_at(block + 80), least = half_at(block + 82);
  for (std::size_t g = 0; g < 16; ++g) {
    const float own = scale * static_cast<float>(block[g] & 15);
    const float offset = least * static_cast<float>(block[g] >> 4);
    const Byte* values = two_bits(block + 16, g);
    const int shift = two_bits_shift(g);
    for (std::size_t i = 0; i < 16; ++i)
      out[g * 16 + i] = own * static_cast<float>(values[i] >> shift & 3) - offset;
  }
}

void q3_k(const Byte* block, float* out) {
  const Byte* scales = block + 96;
  const float scale = half_at(block + 108);
  for (std::size_t g = 0; g < 16; ++g) {
    const int low = g < 8 ? scales[g] & 15 : scales[g - 8] >> 4;
    const int high = scales[8 + g % 4] >> (g / 4 * 2) & 3;
    const float own = scale * static_cast<float>((low | high << 4) - 32);
    const Byte *values = two_bits(block + 32, g), *mask = block + g % 2 * 16;
    const int shift = two_bits_shift(g), mask_shift = static_cast<int>(g / 2);
    for (std::size_t i = 0; i < 16; ++i)  // 4 is taken away where the mask's bit is 0
      out[g * 16 + i] =
          own * static_cast<float>((values[i] >> shift & 3) + (mask[i] >> mask_shift & 1) * 4 - 4);
  }
}

/// Scales and minima of Q4_K and Q5_K: eight of each in 12 bytes, six bits a number.
void six_bits(const Byte* bytes, std::size_t g, int& scale, int& least) {
  if (g < 4) {
    scale = bytes[g] & 63;
    least = bytes[4 + g] & 63;
  } else {
    scale = (bytes[4 + g] & 15) | (bytes[g - 4] >> 2 & 48);
    least = bytes[4 + g] >> 4 | (bytes[g] >> 2 & 48);
  }
}

/// `fifth`: the bytes of the fifth bits, nullptr for Q4_K.
void q45_k(const Byte* block, const Byte* fifth, const Byte* values, float* out) {
  const float scale = half_at(block), least = half_at(block + 2);
  for (std::size_t g = 0; g < 8; ++g) {
    int scale_bits = 0, least_bits = 0;
    six_bits(block + 4, g, scale_bits, least_bits);
    const float own = scale * static_cast<float>(scale_bits);
    const float offset = least * static_cast<float>(least_bits);
    const Byte* bytes = values + g / 2 * 32;
    for (std::size_t i = 0; i < 32; ++i) {
      int value = g % 2 == 0 ? bytes[i] & 15 : bytes[i] >> 4;
      if (fifth != nullptr) value |= (fifth[i] >> g & 1) << 4;
      out[g * 32 + i] = own * static_cast<float>(value) - offset;
    }
  }
}

void q4_k(const Byte* block, float* out) { q45_k(block, nullptr, block + 16, out); }
void q5_k(const Byte* block, float* out) { q45_k(block, block + 16, block + 48, out); }

void q6_k(const Byte* block, float* out) {
  const Byte* scales = block + 192;
  const float scale = half_at(block + 208);
  for (std::size_t g = 0; g < 16; ++g) {
    const float own = scale * static_cast<float>(static_cast<std::int8_t>(scales[g]));
    const Byte *low = block + g / 8 * 64 + g % 4 * 16, *high = two_bits(block + 128, g);
    const int low_shift = static_cast<int>(g % 8 / 4 * 4), shift = two_bits_shift(g);
    for (std::size_t i = 0; i < 16; ++i)
      out[g * 16 + i] =
          own * static_cast<float>(((low[i] >> low_shift & 15) | (high[i] >> shift & 3) << 4) - 32);
  }
}

void iq4_xs(const Byte* block, float* out) {
  const float scale = half_at(block);
  const int high = block[2] | block[3] << 8;
  for (std::size_t g = 0; g < 8; ++g) {
    const int bits = (block[4 + g / 2] >> (g % 2 * 4) & 15) | (high >> (2 * g) & 3) << 4;
    const float own = scale * static_cast<float>(bits - 32);
    for_nibbles(block + 8 + g * 16, [&](std::size_t i, int value) {
      out[g * 32 + i] = own * static_cast<float>(nonlinear[static_cast<std::size_t>(value)]);
    });
  }
}

template <void (*one)(const Byte*, float*), std::size_t numbers, std::size_t bytes>
void decode_each(const std::byte* blocks, std::size_t count, float* out) {
  const auto* from = reinterpret_cast<const Byte*>(blocks);
  for (std::size_t i = 0; i < count; ++i) one(from + i * bytes, out + i * numbers);
}

template <void (*one)(const Byte*, float*), std::size_t numbers, std::size_t bytes>
constexpr BlockType block_type(std::uint32_t id, std::string_view name) {
  return {id, name, numbers, bytes, decode_each<one, numbers, bytes>};
}

constexpr auto all_block_types = std::to_array<BlockType>({
    {0, "F32", 1, 4},
    {1, "F16", 1, 2},
    {28, "F64", 1, 8},
    {30, "BF16", 1, 2},
    block_type<q4_0, 32, 18>(2, "Q4_0"),
    block_type<q4_1, 32, 20>(3, "Q4_1"),
    block_type<q5_0, 32, 22>(6, "Q5_0"),
    block_type<q5_1, 32, 24>(7, "Q5_1"),
    block_type<q8_0, 32, 34>(8, "Q8_0"),
    block_type<q2_k, 256, 84>(10, "Q2_K"),
    block_type<q3_k, 256, 110>(11, "Q3_K"),
    block_type<q4_k, 256, 144>(12, "Q4_K"),
    block_type<q5_k, 256, 176>(13, "Q5_K"),
    block_type<q6_k, 256, 210>(14, "Q6_K"),
    block_type<iq4_nl, 32, 18>(20, "IQ4_NL"),
    block_type<iq4_xs, 256, 136>(23, "IQ4_XS"),
    block_type<mxfp4, 32, 17>(39, "MXFP4"),
    {9, "Q8_1", 32, 36},
    {15, "Q8_K", 256, 292},
    {16, "IQ2_XXS", 256, 66},
    {17, "IQ2_XS", 256, 74},
    {18, "IQ3_XXS", 256, 98},
    {19, "IQ1_S", 256, 50},
    {21, "IQ3_S", 256, 110},
    {22, "IQ2_S", 256, 82},
    {24, "I8", 1, 1},
    {25, "I16", 1, 2},
    {26, "I32", 1, 4},
    {27, "I64", 1, 8},
    {29, "IQ1_M", 256, 56},
    {34, "TQ1_0", 256, 54},
    {35, "TQ2_0", 256, 66},
    {40, "NVFP4", 64, 36},
    {41, "Q1_0", 128, 18},
    {42, "Q2_0", 64, 18},
});

}  // namespace

std::span<const BlockType> block_types() noexcept { return all_block_types; }

const BlockType* find_block_type(std::uint32_t id) noexcept {
  for (const BlockType& one : all_block_types) {
    if (one.id == id) return &one;
  }
  return nullptr;
}

const BlockType* find_block_type(std::string_view name) noexcept {
  for (const BlockType& one : all_block_types) {
    if (one.name == name) return &one;
  }
  return nullptr;
}

}  // namespace pastonly::checkpoint

#include "checkpoint/bf16_product.h"

#include <algorithm>
#include <bit>
#include <cstring>

#ifdef __AVX512BF16__
#include <immintrin.h>
#endif

namespace pastonly::checkpoint {
namespace {

std::uint16_t rounded(float value) noexcept {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7FFF'FFFFU) > 0x7F80'0000U) return static_cast<std::uint16_t>(bits >> 16 | 0x40U);
  return static_cast<std::uint16_t>((bits + 0x7FFFU + (bits >> 16 & 1U)) >> 16);
}

#ifdef __AVX512BF16__

constexpr std::size_t words = 16;
constexpr std::size_t panel_words = 2 * words;  // columns of c that a tile covers
constexpr std::size_t tile_rows = 12;
constexpr std::size_t panel_pairs = 256;           // pairs in a packed panel_words: 32 KiB
constexpr std::size_t row_group = 32 * tile_rows;  // rows of a that pass by a panel while it is packed

/// Row i of the result is column i of the 16 x 16 words at `from`.
void transpose(const std::byte* from, std::size_t stride, std::uint32_t* to, std::size_t to_stride) {
  __m512i r[words], t[words];
  for (std::size_t i = 0; i < words; ++i) r[i] = _mm512_loadu_si512(from + i * stride);
  for (std::size_t i = 0; i < words; i += 2) {
    t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
    t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
  }
  for (std::size_t i = 0; i < words; i += 4) {
    r[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
    r[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
    r[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
    r[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
  }
  for (std::size_t i = 0; i < 4; ++i) {
    t[i] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0x88);
    t[i + 4] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0xDD);
    t[i + 8] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0x88);
    t[i + 12] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0xDD);
  }
  for (std::size_t i = 0; i < 4; ++i) {
    _mm512_storeu_si512(to + i * to_stride, _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88));
    _mm512_storeu_si512(to + (i + 8) * to_stride, _mm512_shuffle_i32x4(t[i], t[i + 8], 0xDD));
    _mm512_storeu_si512(to + (i + 4) * to_stride, _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0x88));
    _mm512_storeu_si512(to + (i + 12) * to_stride, _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0xDD));
  }
}

/// (pairs, panel_words) words of rows [0, columns) of b.
void pack(const std::byte* b, std::size_t line, std::size_t pairs, std::size_t columns,
          std::uint32_t* packed) {
  for (std::size_t j = 0; j < panel_words; j += words) {
    std::size_t k = 0;
    if (j + words <= columns) {
      for (; k + words <= pairs; k += words)
        transpose(b + j * line * 2 + k * 4, line * 2, packed + k * panel_words + j, panel_words);
    }
    for (; k < pairs; ++k) {
      for (std::size_t i = j; i < j + words; ++i) {
        std::uint32_t word = 0;
        if (i < columns) std::memcpy(&word, b + i * line * 2 + k * 4, sizeof word);
        packed[k * panel_words + i] = word;
      }
    }
  }
}

struct Bf16Tile {
  const std::uint32_t* a;
  std::size_t a_stride;
  const std::uint32_t* packed;
  std::size_t pairs;
  float* c;
  std::size_t c_stride;
  std::size_t columns;
  bool add;
};

__mmask16 mask_of(std::size_t columns) {
  return columns >= words ? __mmask16(0xFFFF) : static_cast<__mmask16>((1U << columns) - 1U);
}

template <std::size_t Rows>
void multiply_tile(const Bf16Tile& tile) {
  __m512 left[Rows], right[Rows];
  for (std::size_t i = 0; i < Rows; ++i) left[i] = right[i] = _mm512_setzero_ps();
  for (std::size_t k = 0; k < tile.pairs; ++k) {
    const auto b0 = std::bit_cast<__m512bh>(_mm512_loadu_si512(tile.packed + k * panel_words));
    const auto b1 = std::bit_cast<__m512bh>(_mm512_loadu_si512(tile.packed + k * panel_words + words));
#pragma GCC unroll 12
    for (std::size_t i = 0; i < Rows; ++i) {
      const auto a =
          std::bit_cast<__m512bh>(_mm512_set1_epi32(static_cast<int>(tile.a[i * tile.a_stride + k])));
      left[i] = _mm512_dpbf16_ps(left[i], a, b0);
      right[i] = _mm512_dpbf16_ps(right[i], a, b1);
    }
  }
  const __mmask16 first = mask_of(tile.columns);
  const __mmask16 second = tile.columns > words ? mask_of(tile.columns - words) : __mmask16(0);
#pragma GCC unroll 12
  for (std::size_t i = 0; i < Rows; ++i) {
    float* c = tile.c + i * tile.c_stride;
    if (tile.add) {
      left[i] = _mm512_add_ps(left[i], _mm512_maskz_loadu_ps(first, c));
      right[i] = _mm512_add_ps(right[i], _mm512_maskz_loadu_ps(second, c + words));
    }
    _mm512_mask_storeu_ps(c, first, left[i]);
    _mm512_mask_storeu_ps(c + words, second, right[i]);
  }
}

template <std::size_t Rows = tile_rows>
void multiply_some(std::size_t rows, const Bf16Tile& tile) {
  if constexpr (Rows > 0) {
    if (rows == Rows) return multiply_tile<Rows>(tile);
    multiply_some<Rows - 1>(rows, tile);
  }
}

#endif

}  // namespace

void Bf16Rows::resize(std::size_t rows, std::size_t columns) {
  columns_ = columns;
  stride_ = (columns + 1) / 2;
  words_.resize(rows * stride_);
}

void Bf16Rows::set(std::size_t row, const float* values) {
  std::uint32_t* to = words_.data() + row * stride_;
  for (std::size_t i = 0; i < columns_ / 2; ++i)
    to[i] = rounded(values[2 * i]) | std::uint32_t{rounded(values[2 * i + 1])} << 16;
  if (columns_ % 2 != 0) to[stride_ - 1] = rounded(values[columns_ - 1]);
}

#ifdef __AVX512BF16__

bool has_bf16_products() noexcept { return true; }

void bf16_product(const Bf16Rows& a, std::size_t first_row, const std::byte* b, std::size_t line,
                  std::size_t k, kernels::Block<float> c) {
  alignas(64) std::uint32_t packed[panel_pairs * panel_words];
  const std::size_t pairs = k / 2, stride = a.stride();
  for (std::size_t group = 0; group < c.rows; group += row_group) {
    const std::size_t group_end = std::min(c.rows, group + row_group);
    for (std::size_t k0 = 0; k0 < pairs; k0 += panel_pairs) {
      const std::size_t count = std::min(panel_pairs, pairs - k0);
      for (std::size_t j = 0; j < c.columns; j += panel_words) {
        const std::size_t columns = std::min(panel_words, c.columns - j);
        pack(b + j * line * 2 + k0 * 4, line, count, columns, packed);
        for (std::size_t i = group; i < group_end; i += tile_rows) {
          const Bf16Tile tile{
              a.row(first_row + i) + k0, stride, packed, count, c.row(i) + j, c.stride, columns, k0 > 0};
          multiply_some(std::min(tile_rows, group_end - i), tile);
        }
      }
    }
  }
}

#else

bool has_bf16_products() noexcept { return false; }

void bf16_product(const Bf16Rows&, std::size_t, const std::byte*, std::size_t, std::size_t,
                  kernels::Block<float>) {}

#endif

}  // namespace pastonly::checkpoint

#include "kernels/bf16_product.h"

#include <algorithm>
#include <bit>
#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/bf16_product.cpp"
#include "kernels/foreach_target.h"
#include "kernels/packing-inl.h"
#include "kernels/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace pastonly::kernels::HWY_NAMESPACE {
namespace {

#if HWY_TARGET == HWY_AVX3

// Highway has no word for these products, so this is the one place with the processor's own.
#define PASTONLY_BF16 __attribute__((target("avx512bf16")))

constexpr std::size_t words = 16;
constexpr std::size_t tile_rows = 12;
constexpr std::size_t panel_pairs = 256;           // pairs in a packed panel: 32 KiB
constexpr std::size_t row_group = 32 * tile_rows;  // rows of a that pass by a panel while it is packed

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

template <std::size_t Rows>
PASTONLY_BF16 HWY_NOINLINE void multiply_tile(const Bf16Tile& tile) {
  constexpr std::size_t panel = 2 * words;
  __m512 left[Rows], right[Rows];
  for (std::size_t i = 0; i < Rows; ++i) left[i] = right[i] = _mm512_setzero_ps();
  for (std::size_t k = 0; k < tile.pairs; ++k) {
    const auto b0 = (__m512bh)_mm512_loadu_si512(tile.packed + k * panel);
    const auto b1 = (__m512bh)_mm512_loadu_si512(tile.packed + k * panel + words);
#pragma GCC unroll 12
    for (std::size_t i = 0; i < Rows; ++i) {
      const auto a = (__m512bh)_mm512_set1_epi32(static_cast<int>(tile.a[i * tile.a_stride + k]));
      left[i] = _mm512_dpbf16_ps(left[i], a, b0);
      right[i] = _mm512_dpbf16_ps(right[i], a, b1);
    }
  }
  const auto mask_of = [](std::size_t columns) {
    return static_cast<__mmask16>(columns >= words ? 0xFFFFU : (1U << columns) - 1U);
  };
  const __mmask16 first = mask_of(tile.columns);
  const __mmask16 second = mask_of(tile.columns > words ? tile.columns - words : 0);
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

void multiply_words(Block<const std::uint32_t> a, const Bf16Block& b, Block<float> c) {
  constexpr std::size_t panel = panel_columns<std::uint32_t>;
  alignas(64) std::uint32_t packed[panel_pairs * panel];
  const std::size_t pairs = b.columns / 2;
  for (std::size_t group = 0; group < c.rows; group += row_group) {
    const std::size_t group_end = std::min(c.rows, group + row_group);
    for (std::size_t k0 = 0; k0 < pairs; k0 += panel_pairs) {
      const std::size_t count = std::min(panel_pairs, pairs - k0);
      for (std::size_t j = 0; j < c.columns; j += panel) {
        const std::size_t columns = std::min(panel, c.columns - j);
        pack_transposed(b.at(j, 2 * k0), b.stride * 2, count, columns, packed);
        for (std::size_t i = group; i < group_end; i += tile_rows) {
          const Bf16Tile tile{a.row(i) + k0, a.stride, packed,  count,
                              c.row(i) + j,  c.stride, columns, k0 > 0};
          multiply_some(std::min(tile_rows, group_end - i), tile);
        }
      }
    }
  }
}

#undef PASTONLY_BF16
#else

void multiply_words(Block<const std::uint32_t>, const Bf16Block&, Block<float>) {}

#endif

}  // namespace
}  // namespace pastonly::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace pastonly::kernels {
namespace {

bool processor_multiplies() noexcept {
#if HWY_ARCH_X86
  return __builtin_cpu_supports("avx512bf16") != 0;
#else
  return false;
#endif
}

std::uint16_t rounded(float value) noexcept {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7FFF'FFFFU) > 0x7F80'0000U) return static_cast<std::uint16_t>(bits >> 16 | 0x40U);
  return static_cast<std::uint16_t>((bits + 0x7FFFU + (bits >> 16 & 1U)) >> 16);
}

void multiply_rounded(Block<const std::uint32_t> a, const Bf16Block& b, Block<float> c) {
  PASTONLY_DISPATCH(multiply_words(a, b, c))
}

}  // namespace

bool has_bf16_products() noexcept { return target() == Target::avx512 && processor_multiplies(); }

void Bf16Rows::resize(std::size_t rows, std::size_t columns) {
  as_words_ = has_bf16_products();
  columns_ = columns;
  if (as_words_) {
    words_.resize(rows, (columns + 1) / 2);
  } else {
    floats_.resize(rows, columns);
  }
}

void Bf16Rows::set(std::size_t row, const float* values) {
  if (!as_words_) {
    float* to = floats_.row(row);
    for (std::size_t i = 0; i < columns_; ++i)
      to[i] = std::bit_cast<float>(std::uint32_t{rounded(values[i])} << 16);
    return;
  }
  std::uint32_t* to = words_.row(row);
  for (std::size_t i = 0; i < columns_ / 2; ++i)
    to[i] = rounded(values[2 * i]) | std::uint32_t{rounded(values[2 * i + 1])} << 16;
  if (columns_ % 2 != 0) to[words_.columns() - 1] = rounded(values[columns_ - 1]);
}

void bf16_product(const Bf16Rows& a, std::size_t first_row, const Bf16Block& b, Block<float> c) {
  if (has_bf16_products()) return multiply_rounded(a.words().row_range(first_row, c.rows), b, c);
  product_nt(a.floats().row_range(first_row, c.rows), b, c);
}

}  // namespace pastonly::kernels
#endif

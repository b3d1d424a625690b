#include "kernels/products.h"

#include <algorithm>
#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/products.cpp"
#include "kernels/foreach_target.h"
#include "kernels/packing-inl.h"
#include "kernels/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace pastonly::kernels::HWY_NAMESPACE {
namespace {

#if HWY_TARGET == HWY_AVX3 || !HWY_ARCH_X86
constexpr std::size_t tile_rows = 12;  // 24 of the 32 registers accumulate
#else
constexpr std::size_t tile_rows = 6;  // 12 of 16
#endif
constexpr std::size_t depth = 256;  // of a packed panel: at most 32 KiB, it stays in the first-level cache
constexpr std::size_t row_group = 32 * tile_rows;  // rows of A that pass by a panel while it is packed

/// What a tile needs: A's element (i, k) at a[i * row_step + k * depth_step], one of the steps is 1.
template <class Real>
struct Tile {
  const Real* a;
  std::size_t step;    // the step that is not 1
  const Real* packed;  // (k, panel)
  std::size_t k;
  Real* c;
  std::size_t c_stride;
  std::size_t columns;  // of C, at most a panel
  bool add;
};

template <class Real>
HWY_INLINE void put(Vec<Real> left, Vec<Real> right, const Tile<Real>& tile, Real* c) {
  constexpr std::size_t half = lanes<Real>;
  const Tag<Real> d;
  if (tile.columns == 2 * half) {
    hn::StoreU(tile.add ? hn::Add(left, hn::LoadU(d, c)) : left, d, c);
    hn::StoreU(tile.add ? hn::Add(right, hn::LoadU(d, c + half)) : right, d, c + half);
    return;
  }
  if (tile.columns == half) return hn::StoreU(tile.add ? hn::Add(left, hn::LoadU(d, c)) : left, d, c);
  alignas(64) Real row[2 * half];
  hn::Store(left, d, row);
  hn::Store(right, d, row + half);
  for (std::size_t j = 0; j < tile.columns; ++j) c[j] = tile.add ? c[j] + row[j] : row[j];
}

/// Both halves of a panel, or its left one alone where C has no more columns.
template <class Real, std::size_t Rows, bool RowMajorA, bool Both>
HWY_NOINLINE void multiply(const Tile<Real>& tile) {
  constexpr std::size_t half = lanes<Real>;
  const Tag<Real> d;
  Vec<Real> left_sums[Rows], right_sums[Rows];
  for (std::size_t i = 0; i < Rows; ++i) left_sums[i] = right_sums[i] = hn::Zero(d);
  const Real* a = tile.a;
  const std::size_t step = tile.step;
  for (std::size_t k = 0; k < tile.k; ++k) {
    const auto left = hn::LoadU(d, tile.packed + k * 2 * half);
    const auto right = hn::LoadU(d, tile.packed + k * 2 * half + half);
#pragma GCC unroll 12
    for (std::size_t i = 0; i < Rows; ++i) {
      const auto value = hn::Set(d, RowMajorA ? a[i * step + k] : a[k * step + i]);
      left_sums[i] = fma<Real>(value, left, left_sums[i]);
      if constexpr (Both) right_sums[i] = fma<Real>(value, right, right_sums[i]);
    }
  }
#pragma GCC unroll 12
  for (std::size_t i = 0; i < Rows; ++i)
    put<Real>(left_sums[i], right_sums[i], tile, tile.c + i * tile.c_stride);
}

template <class Real, bool RowMajorA, bool Both, std::size_t Rows = tile_rows>
void multiply_rows(std::size_t rows, const Tile<Real>& tile) {
  if constexpr (Rows > 0) {
    if (rows == Rows) return multiply<Real, Rows, RowMajorA, Both>(tile);
    multiply_rows<Real, RowMajorA, Both, Rows - 1>(rows, tile);
  }
}

/// pack(first k, count of k, first column of C, columns, packed) fills a panel of B.
template <class Real, bool RowMajorA, class Pack>
void product(Block<const Real> a, Block<Real> c, std::size_t inner, Write write, Pack&& pack) {
  constexpr std::size_t panel = panel_columns<Real>;
  alignas(64) Real packed[depth * panel];
  for (std::size_t i = 0; inner == 0 && write == Write::overwrite && i < c.rows; ++i)
    std::fill(c.row(i), c.row(i) + c.columns, Real{0});
  for (std::size_t group = 0; group < c.rows; group += row_group) {
    const std::size_t group_end = std::min(c.rows, group + row_group);
    for (std::size_t k0 = 0; k0 < inner; k0 += depth) {
      const std::size_t k = std::min(depth, inner - k0);
      for (std::size_t j = 0; j < c.columns; j += panel) {
        const std::size_t columns = std::min(panel, c.columns - j);
        pack(k0, k, j, columns, packed);
        for (std::size_t i = group; i < group_end; i += tile_rows) {
          const Real* first = RowMajorA ? a.row(i) + k0 : a.row(k0) + i;
          const Tile<Real> tile{first,        a.stride, packed,  k,
                                c.row(i) + j, c.stride, columns, k0 > 0 || write == Write::add};
          const std::size_t rows = std::min(tile_rows, group_end - i);
          columns > lanes<Real> ? multiply_rows<Real, RowMajorA, true>(rows, tile)
                                : multiply_rows<Real, RowMajorA, false>(rows, tile);
        }
      }
    }
  }
}

template <class Real>
void nt(Block<const Real> a, Block<const Real> b, Block<Real> c, Write write) {
  product<Real, true>(a, c, a.columns, write,
                      [&](std::size_t k0, std::size_t k, std::size_t j, std::size_t columns, Real* packed)
                          HWY_ATTR {
                            pack_transposed(reinterpret_cast<const std::byte*>(b.row(j) + k0),
                                            b.stride * sizeof(Real), k, columns, packed);
                          });
}
template <class Real, bool RowMajorA>
void times_rows(Block<const Real> a, Block<const Real> b, Block<Real> c, std::size_t inner, Write write) {
  product<Real, RowMajorA>(
      a, c, inner, write,
      [&](std::size_t k0, std::size_t k, std::size_t j, std::size_t columns, Real* packed)
          HWY_ATTR { pack_rows<Real>(b.row(k0) + j, b.stride, k, columns, packed); });
}
template <class Real>
void nn(Block<const Real> a, Block<const Real> b, Block<Real> c, Write write) {
  times_rows<Real, true>(a, b, c, a.columns, write);
}
template <class Real>
void tn(Block<const Real> a, Block<const Real> b, Block<Real> c, Write write) {
  times_rows<Real, false>(a, b, c, a.rows, write);
}
void nt(Block<const float> a, const Bf16Block& b, Block<float> c) {
  product<float, true>(a, c, a.columns, Write::overwrite,
                       [&](std::size_t k0, std::size_t k, std::size_t j, std::size_t columns, float* packed)
                           HWY_ATTR { pack_bf16_transposed(b.at(j, k0), b.stride, k, columns, packed); });
}

}  // namespace
}  // namespace pastonly::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace pastonly::kernels {

template <class Real>
void product_nt(Block<const Real> a, Block<const Real> b, Block<Real> c, Write write) {
  PASTONLY_DISPATCH(nt(a, b, c, write))
}
template <class Real>
void product_nn(Block<const Real> a, Block<const Real> b, Block<Real> c, Write write) {
  PASTONLY_DISPATCH(nn(a, b, c, write))
}
template <class Real>
void product_tn(Block<const Real> a, Block<const Real> b, Block<Real> c, Write write) {
  PASTONLY_DISPATCH(tn(a, b, c, write))
}
void product_nt(Block<const float> a, const Bf16Block& b, Block<float> c){PASTONLY_DISPATCH(nt(a, b, c))}

#define PASTONLY_PRODUCTS(Real)                                                             \
  template void product_nt<Real>(Block<const Real>, Block<const Real>, Block<Real>, Write); \
  template void product_nn<Real>(Block<const Real>, Block<const Real>, Block<Real>, Write); \
  template void product_tn<Real>(Block<const Real>, Block<const Real>, Block<Real>, Write);
PASTONLY_PRODUCTS(float) PASTONLY_PRODUCTS(double)
#undef PASTONLY_PRODUCTS

}  // namespace pastonly::kernels
#endif

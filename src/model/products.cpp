#include "model/products.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "model/lanes.h"

namespace pastonly::model {
namespace {

#ifdef __AVX512F__
constexpr std::size_t tile_rows = 12;  // 24 of the 32 registers accumulate
#else
constexpr std::size_t tile_rows = 6;  // 12 of 16
#endif
constexpr std::size_t depth = 256;  // of a packed panel: 32 KiB, it stays in the first-level cache
constexpr std::size_t row_group = 32 * tile_rows;  // rows of A that pass by a panel while it is packed

template <class Real>
constexpr std::size_t panel_columns = 2 * Lanes<Real>::count;  // of C that a tile covers

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
[[gnu::always_inline]] inline void put(Vector<Real> left, Vector<Real> right, const Tile<Real>& tile,
                                       Real* c) {
  constexpr std::size_t half = Lanes<Real>::count;
  if (tile.columns == 2 * half) {
    store(c, tile.add ? left + load(c) : left);
    store(c + half, tile.add ? right + load(c + half) : right);
    return;
  }
  if (tile.columns == half) return store(c, tile.add ? left + load(c) : left);
  Real row[2 * half];
  store(row, left);
  store(row + half, right);
  for (std::size_t j = 0; j < tile.columns; ++j) c[j] = tile.add ? c[j] + row[j] : row[j];
}

/// Both halves of a panel, or its left one alone where C has no more columns.
template <class Real, std::size_t Rows, bool RowMajorA, bool Both>
void multiply(const Tile<Real>& tile) {
  constexpr std::size_t half = Lanes<Real>::count;
  Vector<Real> left_sums[Rows] = {}, right_sums[Rows] = {};
  const Real* a = tile.a;
  const std::size_t step = tile.step;
  for (std::size_t k = 0; k < tile.k; ++k) {
    const Vector<Real> left = load(tile.packed + k * 2 * half),
                       right = load(tile.packed + k * 2 * half + half);
#pragma GCC unroll 12
    for (std::size_t i = 0; i < Rows; ++i) {
      const Vector<Real> value = spread(RowMajorA ? a[i * step + k] : a[k * step + i]);
      left_sums[i] += value * left;
      if constexpr (Both) right_sums[i] += value * right;
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

// GCC has had clang's shuffle since version 12; both want the indices as constants.
template <class Real, std::size_t... I>
Vector<Real> zip(Vector<Real> a, Vector<Real> b, bool high, std::index_sequence<I...>) {
  constexpr int half = Lanes<Real>::count / 2, other = Lanes<Real>::count;
  return high ? __builtin_shufflevector(a, b, (I % 2 == 0 ? half + int(I / 2) : other + half + int(I / 2))...)
              : __builtin_shufflevector(a, b, (I % 2 == 0 ? int(I / 2) : other + int(I / 2))...);
}

/// A square of lanes, transposed by log2(lanes) rounds of interleaving its halves.
template <class Real>
void transpose(Vector<Real> (&square)[Lanes<Real>::count]) {
  using L = Lanes<Real>;
  constexpr auto lanes = std::make_index_sequence<L::count>{};
  Vector<Real> next[L::count];
  for (std::size_t round = 1; round < L::count; round *= 2) {
#pragma GCC unroll 8
    for (std::size_t i = 0; i < L::count / 2; ++i) {
      next[2 * i] = zip<Real>(square[i], square[i + L::count / 2], false, lanes);
      next[2 * i + 1] = zip<Real>(square[i], square[i + L::count / 2], true, lanes);
    }
#pragma GCC unroll 16
    for (std::size_t i = 0; i < L::count; ++i) square[i] = next[i];
  }
}

/// B's rows are C's columns: packing transposes, square by square where whole ones fit.
template <class Real>
void pack_transposed(Block<const Real> b, std::size_t k0, std::size_t k, std::size_t j0, std::size_t columns,
                     Real* packed) {
  using L = Lanes<Real>;
  constexpr std::size_t panel = panel_columns<Real>;
  if (columns < panel) std::fill(packed, packed + k * panel, Real{0});
  const std::size_t whole_k = k / L::count * L::count, whole_j = columns / L::count * L::count;
  for (std::size_t j = 0; j < whole_j; j += L::count) {
    for (std::size_t first = 0; first < whole_k; first += L::count) {
      Vector<Real> square[L::count];
      for (std::size_t i = 0; i < L::count; ++i) square[i] = load(b.row(j0 + j + i) + k0 + first);
      transpose<Real>(square);
      for (std::size_t i = 0; i < L::count; ++i) store(packed + (first + i) * panel + j, square[i]);
    }
  }
  for (std::size_t j = 0; j < columns; ++j) {
    const Real* from = b.row(j0 + j) + k0;
    for (std::size_t i = j < whole_j ? whole_k : 0; i < k; ++i) packed[i * panel + j] = from[i];
  }
}

template <class Real>
void pack_rows(Block<const Real> b, std::size_t k0, std::size_t k, std::size_t j0, std::size_t columns,
               Real* packed) {
  constexpr std::size_t panel = panel_columns<Real>;
  for (std::size_t i = 0; i < k; ++i) {
    const Real* from = b.row(k0 + i) + j0;
    Real* to = packed + i * panel;
    if (columns == panel) {
      std::memcpy(to, from, panel * sizeof(Real));
    } else {
      std::copy(from, from + columns, to);
      std::fill(to + columns, to + panel, Real{0});
    }
  }
}

template <class Real, bool RowMajorA, bool TransposedB>
void product(Block<const Real> a, Block<const Real> b, Block<Real> c, std::size_t inner, Write write) {
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
        if constexpr (TransposedB) {
          pack_transposed(b, k0, k, j, columns, packed);
        } else {
          pack_rows(b, k0, k, j, columns, packed);
        }
        for (std::size_t i = group; i < group_end; i += tile_rows) {
          const Real* first = RowMajorA ? a.row(i) + k0 : a.row(k0) + i;
          const Tile<Real> tile{first,        a.stride, packed,  k,
                                c.row(i) + j, c.stride, columns, k0 > 0 || write == Write::add};
          const std::size_t rows = std::min(tile_rows, group_end - i);
          columns > Lanes<Real>::count ? multiply_rows<Real, RowMajorA, true>(rows, tile)
                                       : multiply_rows<Real, RowMajorA, false>(rows, tile);
        }
      }
    }
  }
}

}  // namespace

template <class Real>
void product_nt(Block<const Real> a, Block<const Real> b, Block<Real> c, Write write) {
  product<Real, true, true>(a, b, c, a.columns, write);
}
template <class Real>
void product_nn(Block<const Real> a, Block<const Real> b, Block<Real> c, Write write) {
  product<Real, true, false>(a, b, c, a.columns, write);
}
template <class Real>
void product_tn(Block<const Real> a, Block<const Real> b, Block<Real> c, Write write) {
  product<Real, false, false>(a, b, c, a.rows, write);
}

#define PASTONLY_PRODUCTS(Real)                                                             \
  template void product_nt<Real>(Block<const Real>, Block<const Real>, Block<Real>, Write); \
  template void product_nn<Real>(Block<const Real>, Block<const Real>, Block<Real>, Write); \
  template void product_tn<Real>(Block<const Real>, Block<const Real>, Block<Real>, Write);
PASTONLY_PRODUCTS(float)
PASTONLY_PRODUCTS(double)
#undef PASTONLY_PRODUCTS

}  // namespace pastonly::model

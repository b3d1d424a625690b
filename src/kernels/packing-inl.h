// Panels of B for products: (k, panel) numbers, the columns of C that a tile covers side by side. Included
// once per target, after kernels/foreach_target.h.

#if defined(PASTONLY_KERNELS_PACKING_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef PASTONLY_KERNELS_PACKING_INL_H
#undef PASTONLY_KERNELS_PACKING_INL_H
#else
#define PASTONLY_KERNELS_PACKING_INL_H
#endif

#include "kernels/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace pastonly::kernels::HWY_NAMESPACE {
namespace {

template <class Real>
constexpr std::size_t panel_columns = 2 * lanes<Real>;

/// B (k, columns), row by row. Columns up to the panel's width become 0.
template <class Real>
void pack_rows(const Real* b, std::size_t stride, std::size_t k, std::size_t columns, Real* packed) {
  constexpr std::size_t panel = panel_columns<Real>;
  for (std::size_t i = 0; i < k; ++i) {
    const Real* from = b + i * stride;
    Real* to = packed + i * panel;
    if (columns == panel) {
      std::memcpy(to, from, panel * sizeof(Real));
    } else {
      std::copy(from, from + columns, to);
      std::fill(to + columns, to + panel, Real{0});
    }
  }
}

#if HWY_TARGET != HWY_SCALAR

/// Blocks of 16 bytes, the next one `step` bytes after the last, as one vector.
template <class D>
HWY_INLINE hn::Vec<D> load_blocks(D d, const std::byte* from, std::size_t step) {
  using T = hn::TFromD<D>;
  if constexpr (hn::MaxLanes(D()) * sizeof(T) <= 16) {
    return hn::BitCast(
        d, hn::LoadU(hn::Repartition<std::uint8_t, D>(), reinterpret_cast<const std::uint8_t*>(from)));
  } else {
    const hn::Half<D> half;
    constexpr std::size_t blocks = hn::MaxLanes(hn::Half<D>()) * sizeof(T) / 16;
    return hn::Combine(d, load_blocks(half, from + blocks * step, step), load_blocks(half, from, step));
  }
}

/// Lines of 16 bytes, as many as a vector has words: body(i, the i-th word of every line) for all words of a
/// line.
template <class Word, class Body>
HWY_INLINE void transpose_lines(const std::byte* from, std::size_t stride, Body&& body) {
  const Tag<Word> d;
  constexpr std::size_t words = 16 / sizeof(Word);
  Vec<Word> line[words];  // each every words-th line
  for (std::size_t i = 0; i < words; ++i) line[i] = load_blocks(d, from + i * stride, words * stride);
  if constexpr (words == 2) {
    body(0, hn::InterleaveLower(d, line[0], line[1]));
    body(1, hn::InterleaveUpper(d, line[0], line[1]));
  } else {
    const hn::Repartition<double, Tag<Word>> pairs;
    const auto low = [&](Vec<Word> a, Vec<Word> b)
                         HWY_ATTR { return hn::BitCast(pairs, hn::InterleaveLower(d, a, b)); };
    const auto high = [&](Vec<Word> a, Vec<Word> b)
                          HWY_ATTR { return hn::BitCast(pairs, hn::InterleaveUpper(d, a, b)); };
    const auto a = low(line[0], line[1]), b = low(line[2], line[3]);
    const auto c = high(line[0], line[1]), e = high(line[2], line[3]);
    body(0, hn::BitCast(d, hn::InterleaveLower(pairs, a, b)));
    body(1, hn::BitCast(d, hn::InterleaveUpper(pairs, a, b)));
    body(2, hn::BitCast(d, hn::InterleaveLower(pairs, c, e)));
    body(3, hn::BitCast(d, hn::InterleaveUpper(pairs, c, e)));
  }
}

#endif

/// B (columns, k), at any address, `stride` bytes from row to row: its rows are C's columns.
template <class T>
void pack_transposed(const std::byte* b, std::size_t stride, std::size_t k, std::size_t columns, T* packed) {
  constexpr std::size_t panel = panel_columns<T>;
  if (columns < panel) std::fill(packed, packed + k * panel, T{0});
  std::size_t whole_k = 0, whole_j = 0;
#if HWY_TARGET != HWY_SCALAR
  constexpr std::size_t step = 16 / sizeof(T);
  whole_k = k / step * step;
  whole_j = columns / lanes<T> * lanes<T>;
  for (std::size_t j = 0; j < whole_j; j += lanes<T>) {
    for (std::size_t first = 0; first < whole_k; first += step) {
      transpose_lines<T>(b + j * stride + first * sizeof(T), stride,
                         [&](std::size_t i, Vec<T> column)
                             HWY_ATTR { hn::StoreU(column, Tag<T>(), packed + (first + i) * panel + j); });
    }
  }
#endif
  for (std::size_t j = 0; j < columns; ++j) {
    for (std::size_t i = j < whole_j ? whole_k : 0; i < k; ++i)
      std::memcpy(packed + i * panel + j, b + j * stride + i * sizeof(T), sizeof(T));
  }
}

/// The same of bfloat16, `stride` in numbers; packed as float.
inline void pack_bf16_transposed(const std::byte* b, std::size_t stride, std::size_t k, std::size_t columns,
                                 float* packed) {
  constexpr std::size_t panel = panel_columns<float>;
  if (columns < panel) std::fill(packed, packed + k * panel, 0.0F);
  std::size_t whole_k = 0, whole_j = 0;
#if HWY_TARGET != HWY_SCALAR
  const Tag<std::uint32_t> words;
  const Tag<float> floats;
  const auto upper = hn::Set(words, 0xFFFF'0000U);
  whole_k = k / 8 * 8;
  whole_j = columns / lanes<float> * lanes<float>;
  for (std::size_t j = 0; j < whole_j; j += lanes<float>) {
    for (std::size_t first = 0; first < whole_k; first += 8) {
      // A word holds two numbers, the earlier one in its lower half.
      transpose_lines<std::uint32_t>(
          b + (j * stride + first) * 2, stride * 2, [&](std::size_t i, Vec<std::uint32_t> pair) HWY_ATTR {
            float* to = packed + (first + 2 * i) * panel + j;
            hn::StoreU(hn::BitCast(floats, hn::ShiftLeft<16>(pair)), floats, to);
            hn::StoreU(hn::BitCast(floats, hn::And(pair, upper)), floats, to + panel);
          });
    }
  }
#endif
  for (std::size_t j = 0; j < columns; ++j) {
    for (std::size_t i = j < whole_j ? whole_k : 0; i < k; ++i) {
      std::uint16_t stored;
      std::memcpy(&stored, b + (j * stride + i) * 2, sizeof stored);
      const std::uint32_t bits = std::uint32_t{stored} << 16;
      std::memcpy(packed + i * panel + j, &bits, sizeof bits);
    }
  }
}

}  // namespace
}  // namespace pastonly::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif

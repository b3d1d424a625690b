#include "kernels/column_fold.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/column_fold.cpp"
#include "kernels/foreach_target.h"
#include "kernels/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace pastonly::kernels::HWY_NAMESPACE {
namespace {

using Keys = Wide<std::int32_t>;
using KeyMask = hn::Mask<Tag<std::int32_t>>;

constexpr auto lowest_key = std::numeric_limits<std::int32_t>::min();
constexpr auto highest_key = std::numeric_limits<std::int32_t>::max();
constexpr std::size_t most_slices = 4;  // of sixteen columns, that registers hold at once
// What readers in blocks of 32,768 scores read next comes in while this is worked on.
constexpr std::size_t entries_ahead = 32'768;

/// Any address will do. As an integer: a pointer may not leave its array.
HWY_INLINE void prefetch(const void* base, std::size_t bytes_on) {
  // NOLINTNEXTLINE(performance-no-int-to-ptr)
  __builtin_prefetch(reinterpret_cast<const void*>(reinterpret_cast<std::uintptr_t>(base) + bytes_on));
}

/// Sixteen columns of one row.
struct Row {
  Wide<float> scores;
  Keys keys;
  Keys on;  // 1 where chosen
};

HWY_INLINE Keys widen(const std::uint8_t* bits, Whole = {}) {
  const hn::Rebind<std::uint8_t, Tag<std::int32_t>> bytes;
  Keys out;
  for (std::size_t i = 0; i < Keys::count; ++i)
    out.part[i] = hn::PromoteTo(Tag<std::int32_t>(), hn::LoadU(bytes, bits + i * lanes<std::int32_t>));
  return out;
}
HWY_INLINE Keys widen(const std::uint8_t* bits, Part part) {
  std::uint8_t row[sixteen] = {};
  for (std::size_t i = 0; i < part.count; ++i) row[i] = bits[i];
  return widen(row);
}

template <class Count>
HWY_INLINE Row load_row(const float* scores, const std::uint8_t* mask, Count count) {
  Row row;
  row.scores = load(scores, count);
  row.keys = each<std::int32_t>(
      [](Vec<float> score) HWY_ATTR {
        const Tag<std::int32_t> d;
        const auto bits = hn::BitCast(d, hn::Add(score, hn::Zero(Tag<float>())));
        return hn::Xor(bits, hn::And(hn::ShiftRight<31>(bits), hn::Set(d, 0x7fffffff)));
      },
      row.scores);
  row.on = widen(mask, count);
  return row;
}

HWY_INLINE Vec<std::int32_t> if_chosen(Vec<std::int32_t> key, Vec<std::int32_t> on) {
  const Tag<std::int32_t> d;
  return hn::IfThenElse(hn::Gt(on, hn::Zero(d)), key, hn::Set(d, highest_key));
}
HWY_INLINE Vec<std::int32_t> if_left(Vec<std::int32_t> key, Vec<std::int32_t> on) {
  const Tag<std::int32_t> d;
  return hn::IfThenElse(hn::Gt(on, hn::Zero(d)), hn::Set(d, lowest_key), key);
}
HWY_INLINE Keys least(const Keys& a, const Keys& b) {
  return each<std::int32_t>([](Vec<std::int32_t> x, Vec<std::int32_t> y) HWY_ATTR { return hn::Min(x, y); },
                            a, b);
}
HWY_INLINE Keys most(const Keys& a, const Keys& b) {
  return each<std::int32_t>([](Vec<std::int32_t> x, Vec<std::int32_t> y) HWY_ATTR { return hn::Max(x, y); },
                            a, b);
}

#if HWY_TARGET == HWY_SCALAR
HWY_INLINE bool all_at_least(const Keys& lows, const Keys& highs) {
  std::int32_t least = highest_key, most = lowest_key;
  for (std::size_t i = 0; i < sixteen; ++i) {
    const std::int32_t low = hn::GetLane(lows.part[i]), high = hn::GetLane(highs.part[i]);
    least = low < least ? low : least;
    most = high > most ? high : most;
  }
  return least >= most;
}
#else
/// Whether no one of `highs` is above one of `lows`: their least and most in the steps of one of them, since
/// ~ turns the order round.
HWY_INLINE bool all_at_least(const Keys& lows, const Keys& highs) {
  const Tag<std::int32_t> d;
  constexpr std::size_t n = lanes<std::int32_t>;
  auto low = lows.part[0], high = highs.part[0];
  for (std::size_t i = 1; i < Keys::count; ++i) {
    low = hn::Min(low, lows.part[i]);
    high = hn::Max(high, highs.part[i]);
  }
  const auto turned = hn::Not(high);
  auto v = hn::Min(hn::ConcatLowerLower(d, turned, low), hn::ConcatUpperUpper(d, turned, low));
  if constexpr (n == 16) v = hn::Min(v, hn::SwapAdjacentBlocks(v));
  if constexpr (n >= 8) v = hn::Min(v, hn::Shuffle1032(v));
  v = hn::Min(v, hn::Shuffle2301(v));
  alignas(64) std::int32_t row[n];
  hn::Store(v, d, row);
  return row[0] >= ~row[n / 2];
}
#endif

/// What rows showed of sixteen columns.
struct Slice {
  Keys lowest, highest, counts;
  Wide<float> sums;

  HWY_INLINE void clear() {
    lowest = spread(highest_key);
    highest = spread(lowest_key);
    counts = spread(std::int32_t{0});
    sums = spread(0.0F);
  }
  HWY_INLINE void add(const Row& row, const Keys& chosen, const Keys& left) {
    lowest = least(lowest, chosen);
    highest = most(highest, left);
    counts = counts + row.on;
    sums = sums + row.scores;
  }
  template <class Count>
  HWY_INLINE void merge(const FoldedColumns& out, std::size_t first, Count count) const {
    auto* const known = reinterpret_cast<std::int32_t*>(out.counts) + first;
    store(out.lowest_chosen + first, least(lowest, load(out.lowest_chosen + first, count)), count);
    store(out.highest_left + first, most(highest, load(out.highest_left + first, count)), count);
    store(known, counts + load(known, count), count);
    store(out.sums + first, sums + load(out.sums + first, count), count);
  }
};

/// Sixteen columns, or fewer at a row's end.
template <class Count>
HWY_INLINE void fold_slice(const float* scores, const std::uint8_t* mask, std::size_t rows,
                           std::size_t columns, std::size_t first, Count count, const FoldedColumns& out) {
  Slice slice;
  slice.clear();
  for (std::size_t i = 0; i < rows; ++i) {
    const Row row = load_row(scores + i * columns + first, mask + i * columns + first, count);
    slice.add(row, each<std::int32_t>(if_chosen, row.keys, row.on),
              each<std::int32_t>(if_left, row.keys, row.on));
  }
  slice.merge(out, first, count);
}

/// All columns of a row at once, so that its order shows as well: `slices` of sixteen, of which `last` fill
/// the last.
template <std::size_t slices, class Count>
HWY_INLINE void fold_rows(const float* scores, const std::uint8_t* mask, std::size_t rows,
                          std::size_t columns, Count last, const FoldedColumns& out, std::uint8_t* ordered) {
  Slice slice[slices];
  for (auto& one : slice) one.clear();
  for (std::size_t i = 0; i < rows; ++i) {
    const float* const row_scores = scores + i * columns;
    const std::uint8_t* const row_mask = mask + i * columns;
    Keys lows = spread(highest_key), highs = spread(lowest_key);
    prefetch(row_mask, entries_ahead);
    const auto add = [&](std::size_t s, auto count) HWY_ATTR {
      const std::size_t first = s * sixteen;
      const Row row = load_row(row_scores + first, row_mask + first, count);
      prefetch(row_scores + first, entries_ahead * sizeof(float));
      const Keys chosen = each<std::int32_t>(if_chosen, row.keys, row.on);
      const Keys left = only(each<std::int32_t>(if_left, row.keys, row.on), count, lowest_key);
      slice[s].add(row, chosen, left);
      lows = least(lows, chosen);
      highs = most(highs, left);
    };
    for (std::size_t s = 0; s + 1 < slices; ++s) add(s, Whole{});
    add(slices - 1, last);
    ordered[i] = all_at_least(lows, highs) ? 1 : 0;
  }
  for (std::size_t s = 0; s + 1 < slices; ++s) slice[s].merge(out, s * sixteen, Whole{});
  slice[slices - 1].merge(out, (slices - 1) * sixteen, last);
}

HWY_INLINE bool row_ordered(const float* scores, const std::uint8_t* mask, std::size_t columns) {
  Keys lows = spread(highest_key), highs = spread(lowest_key);
  for_row(columns, [&](std::size_t first, auto count) HWY_ATTR {
    const Row row = load_row(scores + first, mask + first, count);
    prefetch(scores + first, entries_ahead * sizeof(float));
    lows = least(lows, each<std::int32_t>(if_chosen, row.keys, row.on));
    highs = most(highs, only(each<std::int32_t>(if_left, row.keys, row.on), count, lowest_key));
  });
  return all_at_least(lows, highs);
}

template <std::size_t slices>
bool fold_few(const float* scores, const std::uint8_t* mask, std::size_t rows, std::size_t columns,
              const FoldedColumns& out, std::uint8_t* ordered) {
  if constexpr (slices > 0) {
    if (columns <= (slices - 1) * sixteen)
      return fold_few<slices - 1>(scores, mask, rows, columns, out, ordered);
    if (columns == slices * sixteen) {
      fold_rows<slices>(scores, mask, rows, columns, Whole{}, out, ordered);
    } else {
      fold_rows<slices>(scores, mask, rows, columns, Part{columns - (slices - 1) * sixteen}, out, ordered);
    }
  }
  return slices > 0;
}

}  // namespace

void fold_columns(const float* scores, const std::uint8_t* mask, std::size_t rows, std::size_t columns,
                  const FoldedColumns& out, std::uint8_t* ordered) {
  if (ordered != nullptr) {
    if (columns <= most_slices * sixteen && fold_few<most_slices>(scores, mask, rows, columns, out, ordered))
      return;
    for (std::size_t i = 0; i < rows; ++i)
      ordered[i] = row_ordered(scores + i * columns, mask + i * columns, columns) ? 1 : 0;
  }
  for_row(columns, [&](std::size_t first, auto count)
                       HWY_ATTR { fold_slice(scores, mask, rows, columns, first, count, out); });
}

}  // namespace pastonly::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace pastonly::kernels {

void fold_columns(const float* scores, const std::uint8_t* mask, std::size_t rows, std::size_t columns,
                  const FoldedColumns& out, std::uint8_t* ordered) {
  PASTONLY_DISPATCH(fold_columns(scores, mask, rows, columns, out, ordered))
}

}  // namespace pastonly::kernels
#endif

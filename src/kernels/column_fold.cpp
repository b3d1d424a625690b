#include "kernels/column_fold.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/column_fold.cpp"
#include "kernels/foreach_target.h"
#include "kernels/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace pastonly::kernels::HWY_NAMESPACE {
namespace {

using Keys = Wide<std::int32_t>;
using Key = Vec<std::int32_t>;

constexpr auto lowest_key = std::numeric_limits<std::int32_t>::min();
constexpr auto highest_key = std::numeric_limits<std::int32_t>::max();
// What readers in blocks of 32,768 scores read next comes in while this is worked on.
constexpr std::size_t entries_ahead = 32'768;

/// Any address will do. As an integer: a pointer may not leave its array.
HWY_INLINE void prefetch(const void* base, std::size_t bytes_on) {
  // NOLINTNEXTLINE(performance-no-int-to-ptr)
  __builtin_prefetch(reinterpret_cast<const void*>(reinterpret_cast<std::uintptr_t>(base) + bytes_on));
}

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

HWY_INLINE Keys keys_of(const Wide<float>& scores) {
  return each<std::int32_t>(
      [](Vec<float> score) HWY_ATTR {
        const Tag<std::int32_t> d;
        const auto bits = hn::BitCast(d, hn::Add(score, hn::Zero(Tag<float>())));
        return hn::Xor(bits, hn::And(hn::ShiftRight<31>(bits), hn::Set(d, 0x7fffffff)));
      },
      scores);
}
HWY_INLINE Keys least(const Keys& a, const Keys& b) {
  return each<std::int32_t>([](Key x, Key y) HWY_ATTR { return hn::Min(x, y); }, a, b);
}
HWY_INLINE Keys most(const Keys& a, const Keys& b) {
  return each<std::int32_t>([](Key x, Key y) HWY_ATTR { return hn::Max(x, y); }, a, b);
}

/// The lowest chosen and the highest left of a row, of sixteen columns or of all: in one vector where there
/// are any, since ~ turns the order round.
#if HWY_TARGET == HWY_SCALAR
struct Border {
  std::int32_t low, high;
};
HWY_INLINE Border border_of(const Keys& lows, const Keys& highs) {
  Border border{highest_key, lowest_key};
  for (std::size_t i = 0; i < sixteen; ++i) {
    const std::int32_t low = hn::GetLane(lows.part[i]), high = hn::GetLane(highs.part[i]);
    border.low = low < border.low ? low : border.low;
    border.high = high > border.high ? high : border.high;
  }
  return border;
}
HWY_INLINE Border outer(const Border& a, const Border& b) {
  return {a.low < b.low ? a.low : b.low, a.high > b.high ? a.high : b.high};
}
HWY_INLINE bool is_ordered(const Border& border) { return border.low >= border.high; }
#else
using Border = Key;
HWY_INLINE Border border_of(const Keys& lows, const Keys& highs) {
  const Tag<std::int32_t> d;
  auto low = lows.part[0], high = highs.part[0];
  for (std::size_t i = 1; i < Keys::count; ++i) {
    low = hn::Min(low, lows.part[i]);
    high = hn::Max(high, highs.part[i]);
  }
  const auto turned = hn::Not(high);
  return hn::Min(hn::ConcatLowerLower(d, turned, low), hn::ConcatUpperUpper(d, turned, low));
}
HWY_INLINE Border outer(Border a, Border b) { return hn::Min(a, b); }
HWY_INLINE bool is_ordered(Border border) {
  constexpr std::size_t n = lanes<std::int32_t>;
  if constexpr (n == 16) border = hn::Min(border, hn::SwapAdjacentBlocks(border));
  if constexpr (n >= 8) border = hn::Min(border, hn::Shuffle1032(border));
  border = hn::Min(border, hn::Shuffle2301(border));
  alignas(64) std::int32_t row[n];
  hn::Store(border, Tag<std::int32_t>(), row);
  return row[0] >= ~row[n / 2];
}
#endif

/// Sixteen columns, or fewer at a row's end, so that what is gathered stays in registers. `borders` (rows),
/// where not null, are those of the columns before `first`, if any, and become those up to here.
template <class Count>
HWY_INLINE void fold_slice(const float* scores, const std::uint8_t* mask, std::size_t rows,
                           std::size_t columns, std::size_t first, Count count, const FoldedColumns& out,
                           Border* borders) {
  const Tag<std::int32_t> d;
  const auto none_chosen = hn::Set(d, highest_key), none_left = hn::Set(d, lowest_key);
  Keys lowest = spread(highest_key), highest = spread(lowest_key), counts = spread(std::int32_t{0});
  auto sums = spread(0.0F);
  for (std::size_t i = 0; i < rows; ++i) {
    const std::size_t at = i * columns + first;
    const auto row = load(scores + at, count);
    const Keys keys = keys_of(row), on = widen(mask + at, count);
    prefetch(scores + at, entries_ahead * sizeof(float));
    if (first % 64 == 0) prefetch(mask + at, entries_ahead);
    const Keys chosen = each<std::int32_t>(
        [&](Key key, Key bit) HWY_ATTR { return hn::IfThenElse(hn::Gt(bit, hn::Zero(d)), key, none_chosen); },
        keys, on);
    Keys left = each<std::int32_t>(
        [&](Key key, Key bit) HWY_ATTR { return hn::IfThenElse(hn::Gt(bit, hn::Zero(d)), none_left, key); },
        keys, on);
    lowest = least(lowest, chosen);
    highest = most(highest, left);
    counts = counts + on;
    sums = sums + row;
    if (borders == nullptr) continue;
    const auto border = border_of(chosen, only(left, count, lowest_key));
    borders[i] = first == 0 ? border : outer(borders[i], border);
  }
  auto* const known = reinterpret_cast<std::int32_t*>(out.counts) + first;
  store(out.lowest_chosen + first, least(lowest, load(out.lowest_chosen + first, count)), count);
  store(out.highest_left + first, most(highest, load(out.highest_left + first, count)), count);
  store(known, counts + load(known, count), count);
  store(out.sums + first, sums + load(out.sums + first, count), count);
}

}  // namespace

void fold_columns(const float* scores, const std::uint8_t* mask, std::size_t rows, std::size_t columns,
                  const FoldedColumns& out, std::uint8_t* ordered) {
  Border borders[most_ordered_rows];
  for_row(columns, [&](std::size_t first, auto count) HWY_ATTR {
    fold_slice(scores, mask, rows, columns, first, count, out, ordered == nullptr ? nullptr : borders);
  });
  if (ordered == nullptr) return;
  for (std::size_t i = 0; i < rows; ++i) ordered[i] = columns == 0 || is_ordered(borders[i]) ? 1 : 0;
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

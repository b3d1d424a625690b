#include "kernels/column_keys.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/column_keys.cpp"
#include "kernels/foreach_target.h"
#include "kernels/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace pastonly::kernels::HWY_NAMESPACE {
namespace {

using Key = Vec<std::int32_t>;
using Keys = Wide<std::int32_t>;
static_assert(key_columns == sixteen);

constexpr auto lowest_integer = std::numeric_limits<std::int32_t>::min();
constexpr auto highest_integer = std::numeric_limits<std::int32_t>::max();

HWY_INLINE Keys least(const Keys& a, const Keys& b) {
  return each<std::int32_t>([](Key x, Key y) HWY_ATTR { return hn::Min(x, y); }, a, b);
}
HWY_INLINE Keys most(const Keys& a, const Keys& b) {
  return each<std::int32_t>([](Key x, Key y) HWY_ATTR { return hn::Max(x, y); }, a, b);
}

/// The magnitude's bits, negated where the score is negative: one zero, and the order of the floats.
HWY_INLINE Keys keys_of(const Wide<float>& scores) {
  return each<std::int32_t>(
      [](Vec<float> score) HWY_ATTR {
        const Tag<std::int32_t> d;
        const auto bits = hn::BitCast(d, score), sign = hn::ShiftRight<31>(bits);
        const auto infinity = hn::Set(d, 0x7f80'0000);
        const auto magnitude = hn::And(bits, hn::Set(d, 0x7fff'ffff));
        const auto key = hn::Sub(hn::Xor(magnitude, sign), sign);
        return hn::IfThenElse(hn::Gt(infinity, magnitude), key, hn::Neg(infinity));
      },
      scores);
}

template <class Count>
HWY_INLINE std::size_t write_rows(const float* scores, std::size_t stride, std::size_t rows, Count count,
                                  const std::uint8_t* valid, std::int32_t* keys, KeyRange& range) {
  Keys lowest = spread(highest_integer), highest = spread(lowest_integer);
  std::size_t written = 0;
  for (std::size_t i = 0; i < rows; ++i) {
    if (valid != nullptr && valid[i] == 0) continue;
    const Keys row = keys_of(load(scores + i * stride, count));
    store(keys + written * sixteen, row);
    lowest = least(lowest, row);
    highest = most(highest, row);
    ++written;
  }
  store(range.lowest, lowest);
  store(range.highest, highest);
  return written;
}

/// One row of sixteen columns, or of fewer.
template <class Count>
HWY_INLINE void mark_row(const float* scores, Key row, const Partings& partings, Count count,
                         std::uint8_t* chosen) {
  const Tag<std::int32_t> d;
  const hn::Rebind<std::uint8_t, Tag<std::int32_t>> bytes;
  const Keys keys = keys_of(load(scores, count));
  const Keys threshold = load(partings.thresholds), end = load(partings.ties_end);
  std::uint8_t part[sixteen];
  for (std::size_t i = 0; i < Keys::count; ++i) {
    const auto with_ties = hn::Sub(threshold.part[i], hn::Set(d, 1));
    const auto below = hn::IfThenElse(hn::Gt(end.part[i], row), with_ties, threshold.part[i]);
    const auto above = hn::IfThenElseZero(hn::Gt(keys.part[i], below), hn::Set(d, 1));
    hn::StoreU(hn::DemoteTo(bytes, above), bytes,
               (std::is_same_v<Count, Whole> ? chosen : part) + i * lanes<std::int32_t>);
  }
  if constexpr (!std::is_same_v<Count, Whole>) {
    for (std::size_t i = 0; i < count.count; ++i) chosen[i] = part[i];
  }
}

}  // namespace

std::size_t write_keys(const float* scores, std::size_t stride, std::size_t rows, std::size_t columns,
                       const std::uint8_t* valid, std::int32_t* keys, KeyRange& range) {
  if (columns == sixteen) return write_rows(scores, stride, rows, Whole{}, valid, keys, range);
  return write_rows(scores, stride, rows, Part{columns}, valid, keys, range);
}

void count_above(const KeyBlock& block, const std::int32_t* thresholds, std::uint32_t* counts) {
  const Tag<std::int32_t> d;
  const auto one = hn::Set(d, 1);
  const Keys threshold = load(thresholds);
  Keys above = spread(std::int32_t{0});
  for (std::size_t i = 0; i < block.rows; i += block.step) {
    above =
        each<std::int32_t>([&](Key sum, Key key, Key limit)
                               HWY_ATTR { return hn::Add(sum, hn::IfThenElseZero(hn::Gt(key, limit), one)); },
                           above, load(block.keys + i * sixteen), threshold);
  }
  store(reinterpret_cast<std::int32_t*>(counts), above);
}

void tighten(const KeyBlock& block, KeyRange& range) {
  const Tag<std::int32_t> d;
  const auto none_above = hn::Set(d, highest_integer), none_below = hn::Set(d, lowest_integer);
  const Keys low = load(range.lowest), high = load(range.highest);
  Keys next = spread(highest_integer), last = spread(lowest_integer);
  for (std::size_t i = 0; i < block.rows; i += block.step) {
    const Keys row = load(block.keys + i * sixteen);
    next = each<std::int32_t>(
        [&](Key least_yet, Key key, Key limit)
            HWY_ATTR { return hn::Min(least_yet, hn::IfThenElse(hn::Gt(key, limit), key, none_above)); },
        next, row, low);
    last = each<std::int32_t>(
        [&](Key most_yet, Key key, Key limit)
            HWY_ATTR { return hn::Max(most_yet, hn::IfThenElse(hn::Gt(key, limit), none_below, key)); },
        last, row, high);
  }
  store(range.lowest, next);
  store(range.highest, last);
}

void mark_above(const float* scores, std::size_t rows, std::size_t columns, const std::uint8_t* valid,
                std::size_t first, const Partings& partings, std::uint8_t* chosen) {
  for (std::size_t i = 0; i < rows; ++i) {
    if (valid != nullptr && valid[i] == 0) continue;
    const auto row = hn::Set(Tag<std::int32_t>(), static_cast<std::int32_t>(first + i));
    for_row(columns, [&](std::size_t at, auto count) HWY_ATTR {
      mark_row(scores + i * columns + at, row, {partings.thresholds + at, partings.ties_end + at}, count,
               chosen + i * columns + at);
    });
  }
}

}  // namespace pastonly::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace pastonly::kernels {

std::size_t write_keys(const float* scores, std::size_t stride, std::size_t rows, std::size_t columns,
                       const std::uint8_t* valid, std::int32_t* keys, KeyRange& range) {
  PASTONLY_DISPATCH(write_keys(scores, stride, rows, columns, valid, keys, range))
}
void count_above(const KeyBlock& block, const std::int32_t* thresholds, std::uint32_t* counts) {
  PASTONLY_DISPATCH(count_above(block, thresholds, counts))
}
void tighten(const KeyBlock& block, KeyRange& range) { PASTONLY_DISPATCH(tighten(block, range)) }
void mark_above(const float* scores, std::size_t rows, std::size_t columns, const std::uint8_t* valid,
                std::size_t first, const Partings& partings, std::uint8_t* chosen) {
  PASTONLY_DISPATCH(mark_above(scores, rows, columns, valid, first, partings, chosen))
}

}  // namespace pastonly::kernels
#endif

#include "kernels/bit_counts.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/bit_counts.cpp"
#include "kernels/foreach_target.h"
#include "kernels/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace pastonly::kernels::HWY_NAMESPACE {
namespace {

constexpr std::size_t byte_limit = 255;  // ones that a byte holds
// Bytes are added eight to a word: none of them overflows into the next.
constexpr std::size_t words = 8;
using Words = Vec<std::uint64_t>;
constexpr std::size_t parts = words / lanes<std::uint64_t>;

HWY_INLINE Words load_words(const std::uint8_t* bytes) {
  const Tag<std::uint64_t> d;
#if HWY_TARGET == HWY_SCALAR
  std::uint64_t word;
  std::memcpy(&word, bytes, sizeof word);
  return hn::Set(d, word);
#else
  const hn::Repartition<std::uint8_t, Tag<std::uint64_t> > d8;
  return hn::BitCast(d, hn::LoadU(d8, bytes));
#endif
}

/// At most 64 columns, and rows that a byte holds.
HWY_INLINE void add_tile(const std::uint8_t* bytes, std::size_t rows, std::size_t stride, std::size_t columns,
                         std::uint64_t* counts) {
  const Tag<std::uint64_t> d;
  Words sums[parts];
  for (std::size_t i = 0; i < parts; ++i) sums[i] = hn::Zero(d);
  for (std::size_t row = 0; row < rows; ++row) {
    const std::uint8_t* from = bytes + row * stride;
    std::uint8_t rest[words * 8] = {};
    if (columns < sizeof rest) {
      std::memcpy(rest, from, columns);
      from = rest;
    }
    for (std::size_t i = 0; i < parts; ++i)
      sums[i] = hn::Add(sums[i], load_words(from + i * lanes<std::uint64_t> * 8));
  }
  alignas(64) std::uint64_t stored[words];
  for (std::size_t i = 0; i < parts; ++i) hn::Store(sums[i], d, stored + i * lanes<std::uint64_t>);
  std::uint8_t each_sum[sizeof stored];
  std::memcpy(each_sum, stored, sizeof stored);
  for (std::size_t i = 0; i < columns; ++i) counts[i] += each_sum[i];
}

/// Eight bytes at a time, emptied before one of them overflows.
HWY_INLINE std::size_t ones_of(const std::uint8_t* bytes, std::size_t count) {
  std::size_t sum = 0, i = 0;
  while (i + 8 <= count) {
    std::uint64_t lane_sums = 0;
    const std::size_t end = std::min(count, i + byte_limit * 8);
    for (; i + 8 <= end; i += 8) {
      std::uint64_t word;
      std::memcpy(&word, bytes + i, sizeof word);
      lane_sums += word;
    }
    constexpr std::uint64_t even = 0x00ff00ff00ff00ffU;
    sum += (((lane_sums & even) + ((lane_sums >> 8) & even)) * 0x0001000100010001U) >> 48;
  }
  for (; i < count; ++i) sum += bytes[i];
  return sum;
}

}  // namespace

std::size_t count_ones(const std::uint8_t* bytes, std::size_t count) noexcept {
  return ones_of(bytes, count);
}

void count_row_ones(const std::uint8_t* bytes, std::size_t rows, std::size_t columns, std::uint32_t* counts) {
  for (std::size_t i = 0; i < rows; ++i)
    counts[i] = static_cast<std::uint32_t>(ones_of(bytes + i * columns, columns));
}

void add_column_ones(const std::uint8_t* bytes, std::size_t rows, std::size_t columns,
                     std::uint64_t* counts) {
  for (std::size_t begin = 0; begin < rows; begin += byte_limit) {
    const std::size_t count = std::min(rows - begin, byte_limit);
    for (std::size_t first = 0; first < columns; first += words * 8) {
      add_tile(bytes + begin * columns + first, count, columns, std::min(columns - first, words * 8),
               counts + first);
    }
  }
}

std::uint8_t any_bits(const std::uint8_t* bytes, std::size_t count) {
  const Tag<std::uint64_t> d;
  auto seen = hn::Zero(d);
  std::size_t at = 0;
  for (; at + words * 8 <= count; at += words * 8) {
    for (std::size_t i = 0; i < parts; ++i)
      seen = hn::Or(seen, load_words(bytes + at + i * lanes<std::uint64_t> * 8));
  }
  alignas(64) std::uint8_t stored[lanes<std::uint64_t> * 8];
  hn::Store(seen, d, reinterpret_cast<std::uint64_t*>(stored));
  std::uint8_t any = 0;
  for (const std::uint8_t byte : stored) any |= byte;
  for (; at < count; ++at) any |= bytes[at];
  return any;
}

}  // namespace pastonly::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace pastonly::kernels {

std::size_t count_ones(const std::uint8_t* bytes, std::size_t count) noexcept {
  PASTONLY_DISPATCH(count_ones(bytes, count))
}
void count_row_ones(const std::uint8_t* bytes, std::size_t rows, std::size_t columns, std::uint32_t* counts) {
  PASTONLY_DISPATCH(count_row_ones(bytes, rows, columns, counts))
}
void add_column_ones(const std::uint8_t* bytes, std::size_t rows, std::size_t columns, std::uint64_t* counts){
    PASTONLY_DISPATCH(add_column_ones(bytes, rows, columns, counts))} std::uint8_t
    any_bits(const std::uint8_t* bytes, std::size_t count) {
  PASTONLY_DISPATCH(any_bits(bytes, count))
}

}  // namespace pastonly::kernels
#endif

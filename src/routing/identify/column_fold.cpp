#include "routing/identify/column_fold.h"

#include <algorithm>

#include "routing/count_ones.h"
#include "routing/identify/lanes.h"

namespace pastonly::routing::hypotheses {
namespace {

using lanes::Floats;
using lanes::Ints;

constexpr std::size_t rows_ahead = 32;  // that row is read while this one is worked on

/// The experts [first, first + count) of all columns.
struct Slice {
  std::int32_t* lowest_chosen;
  std::int32_t* highest_left;
  std::uint32_t* counts;
  float* sums;
};

/// `stride` is the number of experts; `count` <= lanes::width, which `whole` promises to be equal.
template <bool whole>
void fold(const float* scores, const std::uint8_t* mask, std::size_t tokens, std::size_t stride,
          std::size_t count, const Slice& out) {
  const std::size_t bytes = (whole ? lanes::width : count) * 4;
  Ints lowest{}, highest{}, counts{};
  Floats sums{};
  std::memcpy(&lowest, out.lowest_chosen, bytes);
  std::memcpy(&highest, out.highest_left, bytes);
  std::memcpy(&counts, out.counts, bytes);
  std::memcpy(&sums, out.sums, bytes);
  for (std::size_t token = 0; token < tokens; ++token) {
    const auto row =
        lanes::load(scores + token * stride, mask + token * stride, whole ? lanes::width : count);
    lanes::prefetch(scores, (token + tokens) * stride * sizeof(float));
    lowest = lanes::least(lowest, lanes::if_chosen(row));
    highest = lanes::most(highest, lanes::if_left(row));
    counts -= row.on;
    sums += row.scores;
  }
  std::memcpy(out.lowest_chosen, &lowest, bytes);
  std::memcpy(out.highest_left, &highest, bytes);
  std::memcpy(out.counts, &counts, bytes);
  std::memcpy(out.sums, &sums, bytes);
}

/// Calls body(first, count) for each slice of at most lanes::width experts; count is a constant in all but
/// the last.
template <class Body>
void for_each_slice(std::size_t experts, Body&& body) {
  std::size_t first = 0;
  for (; first + lanes::width <= experts; first += lanes::width) body(first, lanes::width);
  if (first < experts) body(first, experts - first);
}

}  // namespace

ColumnFold::ColumnFold(std::size_t experts)
    : lowest_chosen(experts), highest_left(experts), counts(experts), sums(experts) {
  clear();
}

void ColumnFold::clear() {
  std::ranges::fill(lowest_chosen, highest_key);
  std::ranges::fill(highest_left, lowest_key);
  std::ranges::fill(counts, 0U);
  std::ranges::fill(sums, 0.0F);
}

void ColumnFold::add(const float* scores, const std::uint8_t* mask, std::size_t tokens) {
  const std::size_t n = experts();
  for_each_slice(n, [&](std::size_t first, std::size_t count) {
    const Slice out{lowest_chosen.data() + first, highest_left.data() + first, counts.data() + first,
                    sums.data() + first};
    if (count == lanes::width) {
      fold<true>(scores + first, mask + first, tokens, n, count, out);
    } else {
      fold<false>(scores + first, mask + first, tokens, n, count, out);
    }
  });
}

void ColumnFold::add(const std::int32_t* lowest, const std::int32_t* highest, const std::uint32_t* chosen) {
  for (std::size_t e = 0; e < experts(); ++e) {
    lowest_chosen[e] = std::min(lowest_chosen[e], lowest[e]);
    highest_left[e] = std::max(highest_left[e], highest[e]);
    counts[e] += chosen[e];
  }
}

RowOrder row_order(const float* scores, const std::uint8_t* mask, std::size_t experts) {
  Ints lowest = Ints{} + highest_key, highest = Ints{} + lowest_key;
  for_each_slice(experts, [&](std::size_t first, std::size_t count) {
    const auto row = lanes::load(scores + first, mask + first, count);
    lanes::prefetch(scores + first, rows_ahead * experts * sizeof(float));
    lowest = lanes::least(lowest, lanes::if_chosen(row));
    highest = lanes::most(highest, lanes::if_left(row));
  });
  const auto range = lanes::range_of(lowest, highest);
  return {range.least >= range.most, count_ones(mask, experts)};
}

}  // namespace pastonly::routing::hypotheses

#include "routing/identify/column_fold.h"

#include <algorithm>

#include "routing/identify/lanes.h"
#include "routing/layer_blocks.h"

namespace pastonly::routing::hypotheses {
namespace {

using lanes::Floats;
using lanes::Ints;

constexpr std::size_t most_slices = 4;  // that registers hold at once
// The next block (layer_blocks.h) comes in while this one is worked on.
constexpr std::size_t score_bytes_ahead = LayerBlock::entries * sizeof(float);
constexpr std::size_t mask_bytes_ahead = LayerBlock::entries;

/// The experts [first, first + count) of all columns.
struct Slice {
  std::int32_t* lowest_chosen;
  std::int32_t* highest_left;
  std::uint32_t* counts;
  float* sums;
};

/// Adds what `bytes` of the lanes gathered.
inline void merge(Ints lowest, Ints highest, Ints counts, Floats sums, std::size_t bytes, const Slice& out) {
  Ints known_lowest{}, known_highest{}, known_counts{};
  Floats known_sums{};
  std::memcpy(&known_lowest, out.lowest_chosen, bytes);
  std::memcpy(&known_highest, out.highest_left, bytes);
  std::memcpy(&known_counts, out.counts, bytes);
  std::memcpy(&known_sums, out.sums, bytes);
  lowest = lanes::least(lowest, known_lowest);
  highest = lanes::most(highest, known_highest);
  counts += known_counts;
  sums += known_sums;
  std::memcpy(out.lowest_chosen, &lowest, bytes);
  std::memcpy(out.highest_left, &highest, bytes);
  std::memcpy(out.counts, &counts, bytes);
  std::memcpy(out.sums, &sums, bytes);
}

/// `stride` is the number of experts; `count` <= lanes::width, which `whole` promises to be equal.
template <bool whole>
void fold(const float* scores, const std::uint8_t* mask, std::size_t tokens, std::size_t stride,
          std::size_t count, const Slice& out) {
  Ints lowest = Ints{} + highest_key, highest = Ints{} + lowest_key, counts{};
  Floats sums{};
  for (std::size_t token = 0; token < tokens; ++token) {
    const auto row =
        lanes::load(scores + token * stride, mask + token * stride, whole ? lanes::width : count);
    lowest = lanes::least(lowest, lanes::if_chosen(row));
    highest = lanes::most(highest, lanes::if_left(row));
    counts -= row.on;
    sums += row.scores;
  }
  merge(lowest, highest, counts, sums, (whole ? lanes::width : count) * 4, out);
}

/// Calls body(first, count) for each slice of at most lanes::width experts; count is a constant in all but
/// the last.
template <class Body>
void for_each_slice(std::size_t experts, Body&& body) {
  std::size_t first = 0;
  for (; first + lanes::width <= experts; first += lanes::width) body(first, lanes::width);
  if (first < experts) body(first, experts - first);
}

/// All experts of a token at once, so that its order shows as well: `slices` of them, of which `count` <=
/// lanes::width fill the last.
template <std::size_t slices, bool whole>
void fold_rows(const float* scores, const std::uint8_t* mask, std::size_t tokens, std::size_t stride,
               std::size_t count, const Slice& out, std::uint8_t* ordered) {
  Ints lowest[slices], highest[slices], counts[slices] = {};
  Floats sums[slices] = {};
  for (std::size_t s = 0; s < slices; ++s) {
    lowest[s] = Ints{} + highest_key;
    highest[s] = Ints{} + lowest_key;
  }
  for (std::size_t token = 0; token < tokens; ++token) {
    Ints chosen = Ints{} + highest_key, left = Ints{} + lowest_key;
    const float* const row_scores = scores + token * stride;
    const std::uint8_t* const row_mask = mask + token * stride;
    lanes::prefetch(row_mask, mask_bytes_ahead);
    for (std::size_t s = 0; s < slices; ++s) {
      const std::size_t first = s * lanes::width;
      const auto row =
          lanes::load(row_scores + first, row_mask + first, whole || s + 1 < slices ? lanes::width : count);
      lanes::prefetch(row_scores + first, score_bytes_ahead);
      const Ints if_chosen = lanes::if_chosen(row), if_left = lanes::if_left(row);
      lowest[s] = lanes::least(lowest[s], if_chosen);
      highest[s] = lanes::most(highest[s], if_left);
      counts[s] -= row.on;
      sums[s] += row.scores;
      chosen = lanes::least(chosen, if_chosen);
      left = lanes::most(left, if_left);
    }
    const auto range = lanes::range_of(chosen, left);
    ordered[token] = range.least >= range.most ? 1 : 0;
  }
  for (std::size_t s = 0; s < slices; ++s) {
    const std::size_t bytes = (whole || s + 1 < slices ? lanes::width : count) * 4;
    const std::size_t first = s * lanes::width;
    merge(lowest[s], highest[s], counts[s], sums[s], bytes,
          {out.lowest_chosen + first, out.highest_left + first, out.counts + first, out.sums + first});
  }
}

/// Whether a token was given its best experts and nothing else.
bool row_ordered(const float* scores, const std::uint8_t* mask, std::size_t experts) {
  Ints lowest = Ints{} + highest_key, highest = Ints{} + lowest_key;
  for_each_slice(experts, [&](std::size_t first, std::size_t count) {
    const auto row = lanes::load(scores + first, mask + first, count);
    lanes::prefetch(scores + first, score_bytes_ahead);
    lowest = lanes::least(lowest, lanes::if_chosen(row));
    highest = lanes::most(highest, lanes::if_left(row));
  });
  const auto range = lanes::range_of(lowest, highest);
  return range.least >= range.most;
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

void ColumnFold::add(const float* scores, const std::uint8_t* mask, std::size_t tokens,
                     std::uint8_t* ordered) {
  const std::size_t n = experts(), slices = (n + lanes::width - 1) / lanes::width;
  if (slices == 0 || slices > most_slices) {
    for (std::size_t i = 0; i < tokens; ++i)
      ordered[i] = row_ordered(scores + i * n, mask + i * n, n) ? 1 : 0;
    return add(scores, mask, tokens);
  }
  const Slice out{lowest_chosen.data(), highest_left.data(), counts.data(), sums.data()};
  const std::size_t last = n - (slices - 1) * lanes::width;
  const auto run = [&]<std::size_t count>() {
    if (last == lanes::width) {
      fold_rows<count, true>(scores, mask, tokens, n, last, out, ordered);
    } else {
      fold_rows<count, false>(scores, mask, tokens, n, last, out, ordered);
    }
  };
  switch (slices) {
    case 1:
      return run.template operator()<1>();
    case 2:
      return run.template operator()<2>();
    case 3:
      return run.template operator()<3>();
    default:
      return run.template operator()<4>();
  }
}

}  // namespace pastonly::routing::hypotheses

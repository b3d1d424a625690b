#include "routing/identify/profile.h"

#include <algorithm>

namespace pastonly::routing::hypotheses {
namespace {

constexpr std::size_t rows_a_sum = 256;  // rows summed in float before they are added in double

struct RowFacts {
  std::int32_t lowest_chosen = highest_key;
  std::int32_t highest_left = lowest_key;
  std::int32_t count = 0;
  std::int32_t nan = 0;
};

/// Per expert, as the rows of one sequence come in.
struct KeyColumns {
  std::int32_t* keys;
  std::int32_t* lowest_chosen;
  std::int32_t* highest_left;
  std::uint32_t* counts;
  float* sums;
};

// A flat loop over one row of length n, so that the compiler can keep it in vector registers.
RowFacts read_row(const float* scores, const std::uint8_t* mask, std::size_t n, const KeyColumns& columns) {
  RowFacts facts;
  std::int32_t* __restrict keys = columns.keys;
  std::int32_t* __restrict lowest_chosen = columns.lowest_chosen;
  std::int32_t* __restrict highest_left = columns.highest_left;
  std::uint32_t* __restrict counts = columns.counts;
  float* __restrict sums = columns.sums;
  // Locals and bit masks instead of branches and references: what the vectoriser takes.
  std::int32_t lowest = highest_key, highest = lowest_key, count = 0, nan = 0;
  for (std::size_t e = 0; e < n; ++e) {
    const float score = scores[e];
    const std::int32_t key = order_key(score);
    const std::int32_t chosen = mask[e];
    const std::int32_t on = -chosen;  // all bits
    const std::int32_t if_chosen = (key & on) | (highest_key & ~on);
    const std::int32_t if_left = (key & ~on) | (lowest_key & on);
    keys[e] = key;
    nan |= score != score ? 1 : 0;
    count += chosen;
    lowest = if_chosen < lowest ? if_chosen : lowest;
    highest = if_left > highest ? if_left : highest;
    lowest_chosen[e] = if_chosen < lowest_chosen[e] ? if_chosen : lowest_chosen[e];
    highest_left[e] = if_left > highest_left[e] ? if_left : highest_left[e];
    counts[e] += static_cast<std::uint32_t>(chosen);
    sums[e] += score;
  }
  facts = {lowest, highest, count, nan};
  return facts;
}

class Profiler {
 public:
  explicit Profiler(const RunView& view) : view_(view), keys_(view.experts()), sums_(view.experts(), 0.0F) {
    found_.best_count.assign(view.tokens(), RunProfile::not_best);
    found_.expert_counts.assign(view.experts(), 0);
    found_.sequence_counts.assign(view.layout().sequences * view.experts(), 0);
    found_.score_sums.assign(view.experts(), 0.0);
    found_.lowest_chosen.assign(view.experts(), highest_key);
    found_.highest_left.assign(view.experts(), lowest_key);
  }

  RunProfile run() {
    const std::size_t n = view_.experts(), positions = view_.layout().positions;
    for (std::size_t row = 0; row < view_.layout().sequences; ++row) {
      auto* counts = found_.sequence_counts.data() + row * n;
      for (std::size_t first = 0; first < positions; first += rows_a_sum) {
        const std::size_t end = std::min(first + rows_a_sum, positions);
        read_block(row * positions + first, row * positions + end, counts);
      }
      for (std::size_t e = 0; e < n; ++e) found_.expert_counts[e] += counts[e];
    }
    return std::move(found_);
  }

 private:
  void read_block(std::size_t first, std::size_t end, std::uint32_t* counts) {
    const std::size_t n = view_.experts();
    const KeyColumns columns{keys_.data(), found_.lowest_chosen.data(), found_.highest_left.data(), counts,
                             sums_.data()};
    for (std::size_t token = first; token < end; ++token) {
      if (!view_.routed(token)) continue;
      const auto* mask = view_.mask().data() + token * n;
      add(read_row(view_.scores().data() + token * n, mask, n, columns), token);
    }
    for (std::size_t e = 0; e < n; ++e) {
      found_.score_sums[e] += static_cast<double>(sums_[e]);
      sums_[e] = 0.0F;
    }
  }

  void add(const RowFacts& row, std::size_t token) {
    const auto count = static_cast<std::size_t>(row.count);
    if (row.nan != 0 && !found_.nan) {
      found_.nan = true;
      found_.first_nan = token;
    }
    if (found_.tokens == 0) {
      found_.smallest_count = found_.largest_count = count;
      found_.first_count_change = token;
    } else if (found_.smallest_count == found_.largest_count && count != found_.smallest_count) {
      found_.first_count_change = token;
    }
    found_.smallest_count = std::min(found_.smallest_count, count);
    found_.largest_count = std::max(found_.largest_count, count);
    ++found_.tokens;
    if (row.lowest_chosen >= row.highest_left || count == 0) {
      found_.best_count[token] = static_cast<std::uint16_t>(std::min<std::size_t>(count, 0xfffe));
      return;
    }
    if (found_.unordered++ == 0) found_.first_unordered = token;
  }

  const RunView& view_;
  RunProfile found_;
  std::vector<std::int32_t> keys_;  // (experts)
  std::vector<float> sums_;         // (experts) of the current block
};

}  // namespace

RunProfile profile(const RunView& view) { return Profiler(view).run(); }

std::size_t rank_of_lowest(const RunView& view, std::size_t token) {
  const auto scores = view.scores().row(token);
  const auto mask = view.mask().row(token);
  std::int32_t lowest = highest_key;
  for (std::size_t e = 0; e < scores.size(); ++e) {
    if (mask[e] != 0) lowest = std::min(lowest, order_key(scores[e]));
  }
  std::int32_t rank = 0;
  for (std::size_t e = 0; e < scores.size(); ++e) {
    rank += static_cast<std::int32_t>(order_key(scores[e]) > lowest || mask[e] != 0);
  }
  return static_cast<std::size_t>(rank);
}

}  // namespace pastonly::routing::hypotheses

#include "routing/identify/profile.h"

#include <algorithm>
#include <cmath>

#include "routing/identify/column_fold.h"

namespace pastonly::routing::hypotheses {
namespace {

constexpr std::size_t rows_a_tile = RunProfile::block_tokens;
constexpr std::size_t rows_a_sum = 256;  // rows summed in float before they are added in double
static_assert(rows_a_sum % rows_a_tile == 0);

class Profiler {
 public:
  Profiler(const RunView& view, bool keep_blocks)
      : view_(view), tile_(view.experts()), sums_(view.experts()) {
    keep_blocks_ = keep_blocks && !view.has_padding() && view.layout().positions % rows_a_tile == 0;
    const std::size_t blocks = keep_blocks_ ? view.tokens() / rows_a_tile * view.experts() : 0;
    found_.block_lowest_chosen.reserve(blocks);
    found_.block_highest_left.reserve(blocks);
    found_.block_counts.reserve(blocks);
    found_.lowest_chosen = tile_.lowest_chosen;
    found_.highest_left = tile_.highest_left;
    found_.best_count.assign(view.tokens(), RunProfile::not_best);
    found_.expert_counts.assign(view.experts(), 0);
    found_.sequence_counts.assign(view.layout().sequences * view.experts(), 0);
    found_.score_sums.assign(view.experts(), 0.0);
  }

  RunProfile run() {
    const std::size_t n = view_.experts(), positions = view_.layout().positions;
    for (std::size_t row = 0; row < view_.layout().sequences; ++row) {
      auto* counts = found_.sequence_counts.data() + row * n;
      for (std::size_t first = 0; first < positions; first += rows_a_sum) {
        const std::size_t end = std::min(first + rows_a_sum, positions);
        read_rows(row * positions + first, row * positions + end, counts);
      }
      for (std::size_t e = 0; e < n; ++e) found_.expert_counts[e] += counts[e];
    }
    return std::move(found_);
  }

 private:
  void read_rows(std::size_t first, std::size_t end, std::uint32_t* counts) {
    for (std::size_t token = first; token < end;) {
      std::size_t count = 0;
      const std::size_t most = std::min(rows_a_tile, end - token);
      while (count < most && view_.routed(token + count)) ++count;
      if (count > 0) read_tile(token, count, counts);
      token += std::max<std::size_t>(count, 1);
    }
    bool odd = false;  // a sum is NaN where a score is, or where infinities of both signs met
    for (std::size_t e = 0; e < sums_.size(); ++e) {
      odd |= std::isnan(sums_[e]);
      found_.score_sums[e] += static_cast<double>(sums_[e]);
    }
    std::ranges::fill(sums_, 0.0F);
    if (odd && !found_.nan) find_nan(first, end);
  }

  void read_tile(std::size_t first, std::size_t rows, std::uint32_t* counts) {
    const std::size_t n = view_.experts();
    const float* scores = view_.scores().data() + first * n;
    const std::uint8_t* mask = view_.mask().data() + first * n;
    // Row by row first: that brings memory in as it stands.
    for (std::size_t i = 0; i < rows; ++i) add(row_order(scores + i * n, mask + i * n, n), first + i);
    tile_.clear();
    tile_.add(scores, mask, rows);
    for (std::size_t e = 0; e < n; ++e) {
      found_.lowest_chosen[e] = std::min(found_.lowest_chosen[e], tile_.lowest_chosen[e]);
      found_.highest_left[e] = std::max(found_.highest_left[e], tile_.highest_left[e]);
      counts[e] += tile_.counts[e];
      sums_[e] += tile_.sums[e];
    }
    if (!keep_blocks_) return;
    const auto append = [](auto& to, const auto& from) { to.insert(to.end(), from.begin(), from.end()); };
    append(found_.block_lowest_chosen, tile_.lowest_chosen);
    append(found_.block_highest_left, tile_.highest_left);
    append(found_.block_counts, tile_.counts);
  }

  void find_nan(std::size_t first, std::size_t end) {
    for (std::size_t token = first; token < end && !found_.nan; ++token) {
      if (!view_.routed(token)) continue;
      if (std::ranges::none_of(view_.scores().row(token), [](float score) { return std::isnan(score); }))
        continue;
      found_.nan = true;
      found_.first_nan = token;
    }
  }

  void add(const RowOrder& row, std::size_t token) {
    const std::size_t count = row.count;
    if (found_.tokens == 0) {
      found_.smallest_count = found_.largest_count = count;
      found_.first_count_change = token;
    } else if (found_.smallest_count == found_.largest_count && count != found_.smallest_count) {
      found_.first_count_change = token;
    }
    found_.smallest_count = std::min(found_.smallest_count, count);
    found_.largest_count = std::max(found_.largest_count, count);
    ++found_.tokens;
    if (row.ordered) {
      found_.best_count[token] = static_cast<std::uint16_t>(std::min<std::size_t>(count, 0xfffe));
      return;
    }
    if (found_.unordered++ == 0) found_.first_unordered = token;
  }

  const RunView& view_;
  RunProfile found_;
  bool keep_blocks_ = false;
  ColumnFold tile_;
  std::vector<float> sums_;  // (experts) of the latest tiles
};

}  // namespace

RunProfile profile(const RunView& view, bool keep_blocks) { return Profiler(view, keep_blocks).run(); }

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

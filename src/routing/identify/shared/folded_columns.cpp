#include "routing/identify/shared/folded_columns.h"

#include <algorithm>

#include "kernels/column_fold.h"
#include "routing/identify/shared/run_view.h"

namespace pastonly::routing::hypotheses {

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

void ColumnFold::add(const float* scores, const std::uint8_t* mask, std::size_t tokens,
                     std::uint8_t* ordered) {
  kernels::fold_columns(scores, mask, tokens, experts(),
                        {lowest_chosen.data(), highest_left.data(), counts.data(), sums.data()}, ordered);
}

void ColumnFold::add(const std::int32_t* lowest, const std::int32_t* highest, const std::uint32_t* chosen) {
  for (std::size_t e = 0; e < experts(); ++e) {
    lowest_chosen[e] = std::min(lowest_chosen[e], lowest[e]);
    highest_left[e] = std::max(highest_left[e], highest[e]);
    counts[e] += chosen[e];
  }
}

}  // namespace pastonly::routing::hypotheses

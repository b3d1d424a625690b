#pragma once

#include <cstddef>
#include <cstdint>

namespace pastonly::kernels {

/// What rows show of each of their columns, (columns) each. Scores as keys that order as floats do: the bits
/// of score + 0, all but the sign turned round where negative; so zeros are equal, infinities stand at the
/// ends and NaN beyond them.
struct FoldedColumns {
  std::int32_t* lowest_chosen;
  std::int32_t* highest_left;
  std::uint32_t* counts;  ///< chosen
  float* sums;            ///< of scores
};

inline constexpr std::size_t most_ordered_rows = 64;

/// Folds rows of scores and of mask (zeros and ones), (rows, columns) each without gaps, into `out`: a few
/// dozen rows at a time stay in the first-level cache. Sums add the rows from 0 in ascending order, then what
/// stood in `out`. `ordered` (rows), where not null: 1 where no column left out stands above a chosen one;
/// then at most most_ordered_rows.
void fold_columns(const float* scores, const std::uint8_t* mask, std::size_t rows, std::size_t columns,
                  const FoldedColumns& out, std::uint8_t* ordered);

}  // namespace pastonly::kernels

#pragma once

#include <cstddef>
#include <cstdint>

namespace pastonly::kernels {

/// Columns are worked on sixteen at a time: a cache line of scores.
inline constexpr std::size_t key_columns = 16;

/// Rows of keys, (rows, key_columns) without gaps: integers that order as scores compare, equal zeros being
/// equal and NaN and infinities equal to -infinity, the lowest key.
struct KeyBlock {
  const std::int32_t* keys;
  std::size_t rows;
  std::size_t step = 1;  ///< reads the rows 0, step, 2 step, ...
};

/// Of each column.
struct KeyRange {
  std::int32_t lowest[key_columns];
  std::int32_t highest[key_columns];
};

/// Writes the keys of `columns` <= key_columns columns of scores, `stride` from one row to the next; the
/// other columns' are 0. Rows that `valid` (rows), where not null, says 0 of are left out. Returns the rows
/// written, and their range; without rows, lowest is the largest integer and highest the smallest.
std::size_t write_keys(const float* scores, std::size_t stride, std::size_t rows, std::size_t columns,
                       const std::uint8_t* valid, std::int32_t* keys, KeyRange& range);

/// counts (key_columns): keys above the column's threshold.
void count_above(const KeyBlock& block, const std::int32_t* thresholds, std::uint32_t* counts);

/// In each column the lowest key above range.lowest and the highest key up to range.highest; where there is
/// none, the largest integer and the smallest.
void tighten(const KeyBlock& block, KeyRange& range);

/// Where a column is parted: chosen are the keys above the threshold and, in rows before `ties_end`, those
/// equal to it. (columns) each, up to a multiple of key_columns.
struct Partings {
  const std::int32_t* thresholds;
  const std::int32_t* ties_end;
};
/// Writes 1 where a score is chosen, else 0: scores and chosen (rows, columns) without gaps, the first one
/// being row `first` of those that ties_end counts. Rows that `valid` says 0 of are not touched.
void mark_above(const float* scores, std::size_t rows, std::size_t columns, const std::uint8_t* valid,
                std::size_t first, const Partings& partings, std::uint8_t* chosen);

}  // namespace pastonly::kernels

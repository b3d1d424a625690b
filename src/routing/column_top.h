#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "pastonly/matrix_view.h"

namespace pastonly::routing {

/// Selects, for every expert, the `count` tokens of largest score: expert choice's inner loop. Radix
/// selection over the ordered bits of the float, one column at a time, then one pass over the rows.
/// Keeps its buffers from call to call.
class ColumnTop {
 public:
  /// Writes 1 to `chosen` (tokens, experts), zero before, where the score is among the `count` largest
  /// of its column; equal scores: lower token first; non-finite scores last. `valid` (tokens) or empty:
  /// tokens with 0 are never chosen. `strict`: instead only scores above the count-th largest.
  void select(MatrixView<const float> scores, std::size_t count, std::span<const std::uint8_t> valid,
              bool strict, MatrixView<std::uint8_t> chosen);

 private:
  void transpose(MatrixView<const float> scores, std::size_t first, std::size_t columns,
                 std::span<const std::uint8_t> valid);
  std::uint32_t kth_largest(std::span<const std::uint32_t> column, std::size_t count);

  std::vector<std::uint32_t> keys_;        // (columns of a block, tokens)
  std::vector<std::uint32_t> candidates_;  // keys of one bin
  std::vector<std::uint32_t> histogram_;   // (2048)
  std::vector<std::uint32_t> thresholds_;  // (experts)
};

}  // namespace pastonly::routing

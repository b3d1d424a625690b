#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace pastonly::routing::hypotheses {

/// What a range of tokens shows of each expert. Scores as order keys (run_view.h).
struct ColumnFold {
  explicit ColumnFold(std::size_t experts);

  /// Adds `tokens` rows of scores and mask, (tokens, experts) each, contiguous: a few dozen at a time, so
  /// that they stay in the first-level cache. `ordered` (tokens) where wanted: 1 where a token was given its
  /// best experts and nothing else, ties either way.
  void add(const float* scores, const std::uint8_t* mask, std::size_t tokens,
           std::uint8_t* ordered = nullptr);
  /// Adds the extremes and counts of other tokens, not their sums.
  void add(const std::int32_t* lowest, const std::int32_t* highest, const std::uint32_t* chosen);
  void clear();
  std::size_t experts() const noexcept { return counts.size(); }

  std::vector<std::int32_t> lowest_chosen;  // (experts) the largest integer where none was chosen
  std::vector<std::int32_t> highest_left;   // (experts) the smallest integer where none was left out
  std::vector<std::uint32_t> counts;        // (experts) tokens that chose it
  std::vector<float> sums;                  // (experts) of scores: only over few tokens, since float
};

}  // namespace pastonly::routing::hypotheses

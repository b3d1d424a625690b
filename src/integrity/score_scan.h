#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "integrity/trace_issue.h"
#include "pastonly/matrix_view.h"

namespace pastonly::integrity {

/// Looks at scores or logits, block after block: non-finite values, and sums of rows and columns, which
/// betray one kind of number under the name of another.
class ScoreScan {
 public:
  /// `coarse`: 16-bit floats, whose sums stray further.
  ScoreScan(bool logits, bool coarse, std::size_t experts);

  /// Rows of tokens [first, first + block.rows()); `valid` of these tokens, empty = all.
  void add(MatrixView<const float> block, std::size_t first, std::span<const std::uint8_t> valid,
           IssueCounts& out);
  void finish(IssueCounts& out);

 private:
  void add_valid(MatrixView<const float> rows, std::size_t first, IssueCounts& out);
  void look_closer(std::span<const float> row, std::size_t token, IssueCounts& out);
  bool sums_are_equal() const;
  void add_sums(std::span<const float> row);
  void empty_block();
  bool columns_equal() const;

  bool logits_;
  double tolerance_;
  std::uint64_t rows_ = 0;
  bool finite_ = true;
  bool negative_ = false;
  bool sums_matter_;      // as long as all rows may turn out to add up to the same
  float largest_ = 0.0f;  // magnitude
  double least_sum_, most_sum_;
  std::vector<float> block_sums_;  // (experts), of each column, the latest rows
  std::vector<double> sums_;       // (experts), the rows before
  std::uint64_t sampled_ = 0;
  std::vector<double> sampled_sums_, squares_;  // (experts), of the sampled rows
};

}  // namespace pastonly::integrity

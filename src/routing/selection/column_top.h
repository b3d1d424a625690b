#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/buffer.h"
#include "kernels/column_keys.h"
#include "pastonly/matrix_view.h"

namespace pastonly::routing {

/// Selects, for every expert, the `count` tokens of largest score: expert choice's inner loop. Searches a
/// threshold for each expert, sixteen of them at once, then makes one pass over the rows. Large inputs use
/// the threads at hand. Keeps its buffers from call to call.
class ColumnTop {
 public:
  /// Writes 1 to `chosen` (tokens, experts), zero before, where the score is among the `count` largest
  /// of its column; equal scores: lower token first; non-finite scores last. `valid` (tokens) or empty:
  /// tokens with 0 are never chosen. `strict`: instead only scores above the count-th largest.
  void select(MatrixView<const float> scores, std::size_t count, std::span<const std::uint8_t> valid,
              bool strict, MatrixView<std::uint8_t> chosen);

 private:
  using Keys = kernels::Buffer<std::int32_t>;  // one worker's, (tokens, key_columns)
  struct Request {
    MatrixView<const float> scores;
    std::size_t count;
    std::span<const std::uint8_t> valid;
    bool strict;
    MatrixView<std::uint8_t> chosen;
    const std::uint8_t* valid_from(std::size_t token) const noexcept {
      return valid.empty() ? nullptr : valid.data() + token;
    }
  };
  void part_block(const Request& request, std::size_t block, Keys& keys);
  void mark_rows(const Request& request, std::size_t first, std::size_t end) const;

  std::vector<Keys> keys_;                // per worker
  std::vector<std::int32_t> thresholds_;  // (experts), up to a multiple of key_columns, as is
  std::vector<std::int32_t> ties_end_;    // (experts) see kernels::Partings
};

}  // namespace pastonly::routing

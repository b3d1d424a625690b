#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "pastonly/matrix_view.h"

namespace pastonly::routing {

/// Selects, for every expert, the `count` tokens of largest score: expert choice's inner loop. Bisects
/// over the ordered bits of the float, which stops once a threshold parts the column exactly, then makes
/// one pass over the rows. Large inputs use the threads at hand. Keeps its buffers from call to call.
class ColumnTop {
 public:
  /// Writes 1 to `chosen` (tokens, experts), zero before, where the score is among the `count` largest
  /// of its column; equal scores: lower token first; non-finite scores last. `valid` (tokens) or empty:
  /// tokens with 0 are never chosen. `strict`: instead only scores above the count-th largest.
  void select(MatrixView<const float> scores, std::size_t count, std::span<const std::uint8_t> valid,
              bool strict, MatrixView<std::uint8_t> chosen);

 private:
  /// One worker's keys, (columns of a block, tokens), padded; grows, is not cleared.
  struct Keys {
    std::unique_ptr<std::uint32_t[]> data;
    std::size_t size = 0;
  };
  struct Request {
    MatrixView<const float> scores;
    std::size_t count;
    std::span<const std::uint8_t> valid;
    bool strict;
    MatrixView<std::uint8_t> chosen;
  };
  void part_block(const Request& request, std::size_t block, Keys& keys);
  void mark_rows(const Request& request, std::size_t first, std::size_t end) const;

  std::vector<Keys> keys_;                 // per worker
  std::vector<std::uint32_t> thresholds_;  // (experts) keys above it are chosen
};

}  // namespace pastonly::routing

#pragma once

#include <cstdint>
#include <span>

#include "pastonly/layout.h"

namespace pastonly::runtime {

/// A batch of token ids, batch-major (row, position); every position predicts the next one of its row.
struct Batch {
  Layout layout;                         ///< its order says how the routers see the tokens
  std::span<const std::int64_t> tokens;  // (sequences, positions) in [0, vocab)
  std::span<const std::uint8_t> valid;   // (sequences, positions) 0 = padding; empty = all valid

  bool is_valid(std::size_t token) const noexcept { return pastonly::is_valid(valid, token); }
  /// Whether the token has a successor in its row to predict; both must be valid.
  bool predicts(std::size_t token) const noexcept {
    return (token + 1) % layout.positions != 0 && is_valid(token) && is_valid(token + 1);
  }
};

}  // namespace pastonly::runtime

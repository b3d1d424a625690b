#pragma once

#include <algorithm>
#include <cstddef>

#include "stats/parallel.h"

namespace pastonly::model {

/// Rows [first, first + count): what one task of a pass over tokens works on.
struct Rows {
  std::size_t index;  ///< of the block
  std::size_t first;
  std::size_t count;
};

/// How tokens are cut into tasks: a function of their number alone, so that sums over blocks do not
/// depend on the number of threads. Large enough that packing a layer's weights once per block is cheap.
struct TokenBlocks {
  std::size_t tokens;
  std::size_t rows;

  explicit TokenBlocks(std::size_t token_count)
      : tokens(token_count), rows(std::clamp<std::size_t>(token_count / 4, 48, 384)) {}
  std::size_t count() const noexcept { return (tokens + rows - 1) / rows; }

  template <class Body>
  void for_each(Body&& body) const {
    stats::parallel_for(count(), [&](std::size_t index) {
      body(Rows{index, index * rows, std::min(rows, tokens - index * rows)});
    });
  }
};

}  // namespace pastonly::model

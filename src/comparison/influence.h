#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "comparison/trials.h"

namespace pastonly::comparison {

/// Which redrawn tokens moved which tokens before them. A trial redraws all tokens of a row from a first one
/// on: what moved depends on that one or on a later one.
struct Influence {
  /// A token that moved, and the first redrawn one.
  struct Pair {
    std::size_t decided = 0, redrawn = 0;
    std::size_t distance() const noexcept { return redrawn - decided; }
  };
  std::size_t length = 0;  ///< positions of the longest row
  std::size_t width = 1;   ///< positions of a bin
  std::size_t bins = 0;
  std::uint64_t asked = 0, moved = 0;     ///< tokens before a cut, over the trials
  std::optional<Pair> nearest, farthest;  ///< of those that moved
  /// (bins of decided positions, bins of first redrawn ones): the share of the tokens asked there that moved;
  /// NaN where none was asked, as everywhere below the diagonal.
  std::vector<double> share;
};

/// Bins of a map at most: a longer row has several positions in one.
inline constexpr std::size_t most_influence_bins = 48;

/// `how`: bits of MovedAt; a token moved where any layer shows one of them. Padding is left out.
Influence influence(std::span<const Trial> trials, std::uint8_t how);

/// Whether some trial shows a token that moved in that way.
bool moves(std::span<const Trial> trials, std::uint8_t how);

}  // namespace pastonly::comparison

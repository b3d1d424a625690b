#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "routing/identify/run_view.h"

namespace pastonly::routing::hypotheses {

/// What one pass over a run tells every hypothesis.
struct RunProfile {
  std::size_t tokens = 0;          ///< routed ones
  std::size_t smallest_count = 0;  ///< experts of a token
  std::size_t largest_count = 0;
  std::size_t unordered = 0;  ///< tokens with an expert left out that scored above a chosen one
  std::size_t first_unordered = 0;
  std::size_t deepest_rank = 0;  ///< the largest rank of a chosen expert within its token; ties: the best
  std::size_t first_count_change = 0;  ///< first token whose count differs from the first token's
  bool nan = false;
  std::size_t first_nan = 0;
  std::vector<std::uint32_t> expert_counts;    // (experts)
  std::vector<std::uint32_t> sequence_counts;  // (sequences, experts)
  std::vector<double> score_sums;              // (experts)
  std::vector<std::int32_t> lowest_chosen;     // (experts) order keys; max where none was chosen
  std::vector<std::int32_t> highest_left;      // (experts) order keys; min where none was left out
};

RunProfile profile(const RunView& view);

}  // namespace pastonly::routing::hypotheses

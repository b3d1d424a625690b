#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "routing/identify/shared/folded_columns.h"
#include "routing/identify/shared/run_view.h"
#include "routing/recorded/layer_blocks.h"

namespace pastonly::routing::hypotheses {

/// What one pass over a run tells every hypothesis.
struct RunProfile {
  std::size_t tokens = 0;          ///< routed ones
  std::size_t smallest_count = 0;  ///< experts of a token
  std::size_t largest_count = 0;
  std::size_t unordered = 0;  ///< tokens with an expert left out that scored above a chosen one
  std::size_t first_unordered = 0;
  std::size_t first_count_change = 0;  ///< first token whose count differs from the first token's
  bool nan = false;
  std::size_t first_nan = 0;
  /// (tokens) experts of a token where they are its best ones; `not_best` elsewhere and where not routed.
  std::vector<std::uint16_t> best_count;
  static constexpr std::uint16_t not_best = 0xffff;
  std::vector<std::uint32_t> expert_counts;    // (experts)
  std::vector<std::uint32_t> sequence_counts;  // (sequences, experts)
  std::vector<double> score_sums;              // (experts)
  std::vector<std::int32_t> lowest_chosen;     // (experts) order keys; max where none was chosen
  std::vector<std::int32_t> highest_left;      // (experts) order keys; min where none was left out

  /// The tokens [b T, (b + 1) T) folded by expert (column_fold.h), T = block_tokens, so that later passes
  /// need not read them again. Empty where they were not kept.
  static constexpr std::size_t block_tokens = 32;
  std::vector<std::int32_t> block_lowest_chosen;  // (tokens / T, experts)
  std::vector<std::int32_t> block_highest_left;   // (tokens / T, experts)
  std::vector<std::uint32_t> block_counts;        // (tokens / T, experts)
};

/// Makes a profile from the blocks of a run, in order (layer_blocks.h).
class Profiler {
 public:
  /// `keep_blocks`: fills the block_ arrays, a thirtieth of the run's size; left out where sequences are no
  /// whole number of blocks or tokens are skipped. Requires ranking scores.
  Profiler(const LayerRun& run, bool keep_blocks);
  void add(const LayerBlock& block);
  RunProfile finish() { return std::move(found_); }

 private:
  bool routed(std::size_t token) const noexcept { return skipped_.empty() || skipped_[token] == 0; }
  void read_rows(const LayerBlock& block, std::size_t from, std::size_t end);
  void read_tile(const LayerBlock& block, std::size_t from, std::size_t rows);
  void find_nan(const LayerBlock& block, std::size_t from, std::size_t end);
  void add_counts(std::span<const std::uint32_t> counts, const std::uint8_t* ordered, std::size_t first);

  std::vector<std::uint8_t> skipped_;  // (tokens)
  RunProfile found_;
  bool keep_blocks_;
  ColumnFold tile_;
  std::vector<float> sums_;  // (experts) of the latest tiles
};
RunProfile profile(const LayerRun& run, bool keep_blocks);

/// The rank of the lowest chosen expert within its token: all above it, and the chosen ones; ties go to
/// the chosen. 0 where none was chosen.
std::size_t rank_of_lowest(const RunView& view, std::size_t token);

}  // namespace pastonly::routing::hypotheses

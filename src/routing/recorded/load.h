#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "pastonly/trace.h"
#include "routing/recorded/layer_blocks.h"

namespace pastonly::routing {

/// How one layer's valid tokens spread over its experts: everything that checks of load, drops and
/// capacity need, from one pass over the effective mask. Padding is left out.
struct LoadSurvey {
  struct Bin {
    std::uint64_t tokens = 0;
    std::uint64_t pairs = 0;     ///< (token, expert) pairs of the mask
    std::uint64_t unrouted = 0;  ///< tokens without any expert
    friend bool operator==(const Bin&, const Bin&) = default;
  };
  std::size_t experts = 0;
  std::size_t most_experts = 0;  ///< of any token
  Bin total;
  std::vector<Bin> by_row;            // (B)
  std::vector<Bin> by_position;       // (at most 16) equal parts of a sequence, first to last
  std::vector<Bin> by_time;           // (at most 64) equal parts of the batch in router order
  std::vector<std::uint64_t> counts;  // (by_time.size(), experts) pairs

  /// Pairs per expert over the whole batch, (experts).
  std::vector<std::uint64_t> expert_counts() const;
  /// Mean experts per token; 0 without tokens.
  double mean_experts() const noexcept;
};

/// Counts block after block (layer_blocks.h). Refers to the trace.
class LoadCounter {
 public:
  LoadCounter(const Trace& trace, const LayerRecord& layer);
  void add(const LayerBlock& block);
  LoadSurvey finish() { return std::move(survey_); }

 private:
  const Trace& trace_;
  LoadSurvey survey_;
  std::size_t position_width_, time_width_;
};

LoadSurvey survey_load(const Trace& trace, const LayerRecord& layer);

/// max_i count_i / mean count - 1 (MaxVio of the loss-free balancing literature); 0 for no pairs.
double max_violation(std::span<const std::uint64_t> counts) noexcept;
/// Standard deviation of the counts over their mean (coefficient of variation); 0 for no pairs.
double load_variation(std::span<const std::uint64_t> counts) noexcept;
/// Entropy of an expert drawn from all pairs, over that of equal loads, log2 of the experts: 1 for equal
/// loads, 0 where one expert has all; 1 for a single expert, 0 for no pairs.
double load_entropy(std::span<const std::uint64_t> counts) noexcept;

}  // namespace pastonly::routing

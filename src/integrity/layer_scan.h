#pragma once

#include <optional>
#include <span>
#include <vector>

#include "integrity/score_scan.h"
#include "integrity/trace_issue.h"
#include "pastonly/trace.h"
#include "routing/recorded/layer_blocks.h"

namespace pastonly::integrity {

/// What one pass over a layer's arrays, or over the arrays of the whole batch, finds. Padding is not
/// looked at.
struct Scan {
  IssueCounts issue_counts;
  std::uint64_t tokens = 0;        ///< valid tokens seen
  std::uint64_t filler_pairs = 0;  ///< mask 1 under a gate of 0: padding to capacity, without effect
};

/// Looks at mask, experts, gates, scores and logits, block after block (layer_blocks.h). Refers to the trace.
class LayerScanner {
 public:
  LayerScanner(const Trace& trace, const LayerRecord& layer);
  void add(const routing::LayerBlock& block);
  Scan finish();

 private:
  void scan_scores(const routing::LayerBlock& block);
  bool is_placeholder_at(std::size_t token);
  void scan_mask(const routing::LayerBlock& block);
  void scan_mask_values(const routing::LayerBlock& block);
  void scan_ids(std::size_t first, std::size_t count);
  void scan_gates(std::size_t first, std::size_t count);
  void compare_mask_with_ids(std::size_t first, std::size_t count);
  void settle_unrouted();

  const Trace& trace_;
  const LayerRecord& layer_;
  LayerRecord bare_;       // without gates: what is recorded
  LayerRecord ids_alone_;  // with neither mask nor gates
  bool gates_by_choice_;
  Scan scan_;
  std::optional<ScoreScan> scores_, logits_;
  MatrixView<const std::uint8_t> recorded_{};       // (block, experts), whatever the gates
  std::vector<std::uint8_t> from_mask_, from_ids_;  // (block, experts) scratch
  std::vector<float> floats_;
  std::vector<std::int64_t> integers_;
  std::uint64_t unrouted_before_last_ = 0;
  IssueCount unrouted_elsewhere_;
  IssueCount unrouted_last_;
};
Scan scan_layer(const Trace& trace, const LayerRecord& layer);
/// Token ids and log-probabilities.
Scan scan_batch(const Trace& trace);

}  // namespace pastonly::integrity

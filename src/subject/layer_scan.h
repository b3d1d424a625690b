#pragma once

#include "pastonly/trace.h"
#include "subject/fault.h"

namespace pastonly {

/// What one pass over a layer's arrays, or over the arrays of the whole batch, finds. Padding is not
/// looked at.
struct Scan {
  Sightings sightings;
  std::uint64_t tokens = 0;        ///< valid tokens seen
  std::uint64_t filler_pairs = 0;  ///< mask 1 under a gate of 0: padding to capacity, without effect
};

/// Mask, experts, gates, scores and logits, in blocks, each byte read once.
Scan scan_layer(const Trace& trace, const LayerRecord& layer);
/// Token ids and log-probabilities.
Scan scan_batch(const Trace& trace);

}  // namespace pastonly

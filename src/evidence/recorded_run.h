#pragma once

#include <algorithm>

#include "pastonly/intervention.h"
#include "pastonly/trace.h"

namespace pastonly::evidence {

/// A run and what was recorded of it.
struct RecordedRun {
  Intervention run;
  Trace trace;
};

/// The layer of that index in a trace, whose layers stand in ascending order; nullptr where it has none.
inline const LayerRecord* layer_of(const Trace& trace, LayerIndex index) {
  const auto found = std::ranges::lower_bound(trace.layers, index, {}, &LayerRecord::index);
  return found != trace.layers.end() && found->index == index ? &*found : nullptr;
}

}  // namespace pastonly::evidence

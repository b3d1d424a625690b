#pragma once

#include <algorithm>

#include "pastonly/subject.h"

namespace pastonly::subjects {

/// What can be asked of a subject whose traces are like this one.
inline Capabilities trace_capabilities(const Trace& trace) {
  Capabilities out;
  out.scores =
      std::ranges::all_of(trace.layers, [](const LayerRecord& layer) { return layer.ranking() != nullptr; });
  out.gates =
      std::ranges::all_of(trace.layers, [](const LayerRecord& layer) { return layer.gates.has_value(); });
  out.log_probs = !trace.log_probs.empty();
  out.tokens = !trace.tokens.empty();
  return out;
}

}  // namespace pastonly::subjects

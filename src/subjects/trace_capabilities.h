#pragma once

#include <algorithm>

#include "pastonly/subject.h"

namespace pastonly::subjects {

/// What can be asked of a subject whose traces are like this one. Without layers there is nothing to ask of
/// layers.
inline Capabilities trace_capabilities(const Trace& trace) {
  const auto every_layer = [&](auto has) {
    return !trace.layers.empty() && std::ranges::all_of(trace.layers, has);
  };
  Capabilities out;
  out.scores = every_layer([](const LayerRecord& layer) { return layer.ranking() != nullptr; });
  out.gates = every_layer([](const LayerRecord& layer) { return layer.gates.has_value(); });
  out.routes = !trace.layers.empty();
  out.log_probs = !trace.log_probs.empty();
  out.tokens = !trace.tokens.empty();
  return out;
}

}  // namespace pastonly::subjects

#pragma once

#include <cstdint>
#include <span>

#include "pastonly/routing_rule.h"
#include "pastonly/trace.h"

namespace pastonly::runtime {

/// How a model that does not change is run, and what of it is kept.
struct ObserveOptions {
  Mode mode = Mode::train;  ///< eval: noisy scores without noise; rules are the same unless overridden
  std::uint64_t seed = 0;   ///< of noise and chance rules; equal seeds give equal traces
  const RoutingRule* rule = nullptr;  ///< routes every layer in place of the trained rule
  std::span<const RoutingRule* const> rules =
      {};              ///< (layers) one each instead, nullptr for dense; empty = none
  bool scores = true;  ///< keep scores, logits, gates and bias; else tokens, masks and log-probabilities
};

}  // namespace pastonly::runtime

#pragma once

#include <cstdint>
#include <span>

#include "pastonly/trace.h"

namespace pastonly::routing {

/// One run of one layer, as identification reads it. Everything is borrowed.
struct LayerRun {
  std::uint32_t run = 0;  ///< id of the run, for counterexamples
  Layout layout;
  bool order_known = true;  ///< false: both token orders are tried
  const LayerRecord* layer = nullptr;
  std::span<const std::int64_t> tokens;  // (B, S); empty where unknown
  std::span<const std::uint8_t> valid;   // (B, S); empty = all valid
};

}  // namespace pastonly::routing

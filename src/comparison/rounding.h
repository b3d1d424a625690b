#pragma once

#include <span>
#include <vector>

#include "comparison/difference.h"
#include "pastonly/trace.h"

namespace pastonly::comparison {

/// Where a layer's flips are to be told from rounding.
struct RoundingContext {
  const Trace& base;
  const LayerRecord& layer;  ///< of the base; has scores
  std::span<const Region> regions;
  double tolerance = 0.0;
  double movement = 0.0;  ///< the largest difference of a score within the tolerance that was seen
  bool slots = false;  ///< tokens have unlike numbers of experts, so that one may lose its place to another
};

/// For each flip whether rounding may be all there is to it: see compare(). The flips are those of tokens
/// whose scores moved within the tolerance, grouped by token.
std::vector<bool> tell_rounding(const RoundingContext& context, std::span<const Flip> flips);

/// For each flip, grouped by token, whether the token took one expert for another.
std::vector<bool> exchanged(std::span<const Flip> flips);

/// For each flip of a token whose scores moved beyond tolerance whether that movement may be all there is to
/// it: another expert of the token scores within twice the movement, with the recorded bias or without.
std::vector<bool> crossed(const Trace& base, const LayerRecord& layer, std::span<const Flip> flips);

}  // namespace pastonly::comparison

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "comparison/alignment.h"
#include "pastonly/trace.h"

namespace pastonly::comparison {

/// How a record of routes goes wrong without anybody noticing, seen by holding it against another of the same
/// tokens.
struct Hazard {
  std::string
      id;  ///< "undecided-tokens", "zero-rows", "stale-rows", "shifted-rows", "wrapped-ids", "zero-layer"
  std::string message;
  std::uint64_t count = 0;           ///< tokens, or layers
  std::optional<std::size_t> token;  ///< the first, batch-major, of the record
  std::vector<LayerIndex> layers;    ///< of the record, where it is not all
};

/// Of `second`, with `first` as the control: what both do is no slip of a record. With `swapped`, of `first`.
/// - undecided-tokens: marked as never routed in every layer; no figure counts them
/// - zero-rows: expert 0 alone, in every layer, at four positions in turn at least
/// - zero-layer: expert 0 alone at every token
/// - stale-rows: the routes of the position before, in every layer, at four positions in turn at least, and
///   ten times as often as the control's repetitions would make it, or the record's own of distant tokens
/// - shifted-rows: routes agree with those of the neighbouring position instead
/// - wrapped-ids: the other's ids modulo 256
std::vector<Hazard> record_hazards(const Trace& first, const Trace& second, const Alignment& alignment,
                                   bool swapped);

}  // namespace pastonly::comparison

#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "routing/identify/shared/findings.h"
#include "routing/identify/shared/grouped.h"
#include "routing/identify/shared/run_set.h"

namespace pastonly::routing::hypotheses {

/// Expert choice with one chunk width: every expert takes as many tokens of a chunk as every other,
/// and the same in all chunks of one size.
struct ChunkFit {
  Grouping grouping;
  std::size_t width = 0;                        ///< 0 = the whole group
  std::map<std::size_t, std::size_t> capacity;  ///< chunk size (the last may be short) -> C
  std::size_t chunks = 0;                       ///< that gave these figures
};

struct ChunkFailure {
  std::size_t tokens = 0;  ///< seen before it failed
  Counterexample at;
};

/// Chunk widths that a prefix of the first run leaves possible, ascending, at most `limit`; the whole
/// group is left out. Stops reading at the first contradiction, which every wider chunk shares.
std::vector<std::size_t> possible_widths(const RunView& view, const Grouping& grouping, std::size_t limit);

/// Checks one width against every run. On failure says where.
std::optional<ChunkFit> fit_chunks(const RunSet& runs, const Grouping& grouping, std::size_t width,
                                   ChunkFailure& failure);

}  // namespace pastonly::routing::hypotheses

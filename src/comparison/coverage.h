#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "comparison/trials.h"
#include "pastonly/coverage.h"

namespace pastonly::comparison {

/// What these trials looked at (include/pastonly/coverage.h). All zero without trials. `special`: ids of that
/// kind. Time: positions x trials.
Coverage coverage_of(std::span<const Trial> trials, std::span<const std::int64_t> special = {});

/// Per layer, of the valid tokens at or after the cut that were redrawn: how many, and how many of them are
/// routed otherwise than in the base. Where none are, the recording does not follow its tokens.
struct MovedAfterCut {
  std::vector<std::uint64_t> tokens, moved;  // (layers)
};
MovedAfterCut moved_after_cut(std::span<const Trial> trials);

}  // namespace pastonly::comparison

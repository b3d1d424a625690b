#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "pastonly/error.h"
#include "pastonly/intervention.h"
#include "pastonly/layout.h"

namespace pastonly::subjects {

/// Token ids as a model is given them.
struct TokenBatch {
  Layout layout;
  std::vector<std::int64_t> tokens;  // (sequences, positions)
  std::vector<std::uint8_t> valid;   // (sequences, positions); empty = all valid
};

/// Writes new tokens into positions [first, end) of one row of a run; what stands before `first` is the
/// row's past. Equal runs and rows must give equal tokens. Where the draw at a position is a function of
/// (row, position, resample) alone, suffixes of equal resample are nested: cuts c and c + 1 differ in the
/// token at c at most, which lets witnesses shrink to one token.
using Redraw = std::function<void(const Intervention& run, std::size_t row, std::size_t first,
                                  std::span<std::int64_t> tokens)>;

/// The batch that an intervention on `base` asks for. Runs that change the rule alone get the base's. Usage
/// errors: rows, cut or permutation that do not fit the base.
Expected<TokenBatch> intervened(const Intervention& run, const TokenBatch& base, const Redraw& redraw);

}  // namespace pastonly::subjects

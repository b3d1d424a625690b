#pragma once

#include <vector>

#include "comparison/agreement.h"
#include "comparison/alignment.h"
#include "pastonly/chart.h"
#include "pastonly/trace.h"

namespace pastonly::run {

/// Where in the sequences of the first recording tokens go to other experts: a line over all layers, and a
/// map of layers by position. Empty where none does, or where a sequence is one token long.
std::vector<Chart> agreement_charts(const Trace& first, const comparison::Alignment& alignment,
                                    const comparison::Agreement& agreement);

/// Positions are drawn in so many parts at most, all of one width.
inline constexpr std::size_t most_position_bins = 48;

}  // namespace pastonly::run

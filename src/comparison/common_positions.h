#pragma once

#include "pastonly/trace.h"

namespace pastonly::comparison {

/// The first `positions` of every sequence: tokens, valid and layers; what else a trace holds is left out.
/// Requires positions <= trace.layout.positions.
Trace first_positions(const Trace& trace, std::size_t positions);

/// Whether nothing but padding stands behind the first `positions` of every sequence.
bool padding_behind(const Trace& trace, std::size_t positions) noexcept;

}  // namespace pastonly::comparison

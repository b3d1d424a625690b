#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "pastonly/trace.h"

namespace pastonly::comparison {

/// (tokens) 1 where the recording holds a decision: valid, and not marked in every layer as never routed
/// (negative ids, or zeros throughout). With one layer after drops such a token may be dropped, and is one.
std::vector<std::uint8_t> decided_tokens(const Trace& trace);

/// Whether the record names expert 0 in every choice of every layer (is_placeholder) for this real token.
bool is_zero_filled(const Trace& trace, std::size_t token);

}  // namespace pastonly::comparison

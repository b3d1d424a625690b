#pragma once

#include "pastonly/trace.h"

namespace pastonly::integrity {

/// Whether two traces of one layout record the same, bit for bit: layers, their arrays, log-probabilities.
bool same_record(const Trace& one, const Trace& other);

/// Bytes of all arrays that a trace holds.
double recorded_bytes(const Trace& trace);

}  // namespace pastonly::integrity

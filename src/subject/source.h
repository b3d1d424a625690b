#pragma once

#include "pastonly/error.h"
#include "pastonly/policy.h"
#include "pastonly/trace.h"

namespace pastonly {

/// Bits per token of the named source.
double entropy_bits(const Source& source);

/// Whether the tokens can have come from the source; an error naming the first that cannot, or saying
/// how strongly their frequencies speak against it (a false alarm in at most one of 2^20 traces).
/// Requires trace.tokens.
Expected<void> require_source(const Trace& trace, const Source& source);

}  // namespace pastonly

#pragma once

#include <vector>

#include "input/trace/trace_file.h"
#include "pastonly/report.h"
#include "run/verify.h"

namespace pastonly::run {

/// Looks up what the witnesses of type flip and change state, in the two files each names: that both
/// inputs agree up to the witness's token, and that the decision, score, gate or log-probability there is
/// as stated before and after. Reads the two files anew and shares no code with the comparison that found
/// the witness. Witnesses of other types are figures, which a second audit recomputes.
std::vector<Statement> recheck_witnesses(const Report& report, const input::TraceOptions& options);

}  // namespace pastonly::run

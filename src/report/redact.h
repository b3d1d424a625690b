#pragma once

#include "pastonly/error.h"
#include "pastonly/report.h"

namespace pastonly::report {

/// The report without what tells of single tokens, their text, or where files lie (docs/privacy.md says what
/// stays and why). What stays is listed, not what goes: figures over all tokens, counts, places of witnesses
/// without the expert and its scores, and sentences that hold counts alone. A report that says
/// it is redacted is redacted again, and keeps its digest and what it withheld. Usage error: reports of lint
/// and of the lab, and recordings of fewer than 64 tokens in a run, whose figures tell single decisions.
Expected<Report> redact(const Report& report);

}  // namespace pastonly::report

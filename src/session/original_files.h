#pragma once

#include <string>
#include <vector>

#include "pastonly/error.h"
#include "pastonly/report.h"

namespace pastonly::session {

/// A redacted report as one that names its subjects again, in the order in which the audit took them: what a
/// repeated audit asks of a report. Its figures stay as they are. Usage errors: another number of originals
/// than of recordings, and options that were withheld (--text, --tags, --map, ...), which the full report
/// alone has.
Expected<Report> with_originals(const Report& redacted, const std::vector<std::string>& originals);

}  // namespace pastonly::session

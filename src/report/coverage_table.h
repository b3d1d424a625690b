#pragma once

#include <string>

#include "pastonly/report.h"
#include "report/writer.h"

namespace pastonly::report {

/// What the trials looked at: a table of figures, then a picture of which decisions were compared while which
/// later tokens were redrawn. "" where no limit is stated, or where an older report does not say.
std::string coverage_table(const Report& report, const TextStyle& style);

}  // namespace pastonly::report

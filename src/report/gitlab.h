#pragma once

#include <string>

#include "pastonly/report.h"
#include "report/writer.h"

namespace pastonly::report {

/// A Code Quality report of GitLab: a JSON array with an entry for each finding that no policy ignores, and
/// one for a verdict of error or inconclusive. At most 10,000, the most severe; how many are left out is
/// said.
std::string write_gitlab(const Report& report, const TextStyle& style);

}  // namespace pastonly::report

#pragma once

#include <string>

#include "pastonly/report.h"
#include "report/writer.h"

namespace pastonly::report {

/// Annotations of GitHub Actions: workflow commands, one a line, for the standard output of a step. At most
/// 10 of a kind (error, warning, notice), as many as a step shows; the last of them counts the others.
std::string write_github(const Report& report, const TextStyle& style);

}  // namespace pastonly::report

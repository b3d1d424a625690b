#pragma once

#include <string>

#include "pastonly/report.h"
#include "report/writer.h"

namespace pastonly::report {

/// SARIF 2.1.0 (OASIS Standard, 27 March 2020), as code scanning services take it: every result has a file
/// and a line, and stays within their limits of 25,000 results and 10 MB. What is cut off is said in a
/// notification.
std::string write_sarif(const Report& report, const TextStyle& style);

}  // namespace pastonly::report

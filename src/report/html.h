#pragma once

#include <string>

#include "pastonly/report.h"
#include "report/writer.h"

namespace pastonly::report {

/// One HTML page that needs nothing else: no script, no request, light and dark, for a screen, a telephone
/// and paper. Verdict and reason first; every picture stands as a table as well.
std::string write_html(const Report& report, const TextStyle& style);

}  // namespace pastonly::report

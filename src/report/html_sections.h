#pragma once

#include <string>

#include "pastonly/report.h"

namespace pastonly::report {

// Sections of the page without their headings; "" where the report holds nothing of the kind.

std::string html_findings(const Report& report);
/// The table of layers.
std::string html_layers(const Report& report);
/// Which rules explain each layer's decisions, and where others fail.
std::string html_rules(const Report& report);
std::string html_gaps(const Report& report);
/// How the verdict came about and what it cannot say: limit, coverage, policy, checks, every figure, files.
std::string html_method(const Report& report);

}  // namespace pastonly::report

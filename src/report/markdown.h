#pragma once

#include <string>

#include "pastonly/report.h"
#include "report/writer.h"

namespace pastonly::report {

/// A summary in Markdown, as a step of a workflow or a comment on a change shows it: verdict and reason
/// first, then findings, layers, the detection limit, and what was not assessed. Below 1 MiB; what is cut off
/// is said.
std::string write_markdown(const Report& report, const TextStyle& style);

}  // namespace pastonly::report

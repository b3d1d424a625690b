#pragma once

#include <string>

#include "pastonly/report.h"
#include "report/writer.h"

namespace pastonly::report {

/// The report for a person: verdict and its reason first, findings with their witness in words, a
/// table of the layers, what was not assessed, and the smallest leak that could have been seen.
std::string write_text(const Report& report, const TextStyle& style);
/// The table of `pastonly bound`.
std::string write_bound_text(const std::vector<Report::Layer>& layers, const Report::Totals& totals,
                             std::optional<std::uint64_t> vocab);

}  // namespace pastonly::report

#pragma once

#include <string>

#include "pastonly/report.h"
#include "report/ordered_json.h"

namespace pastonly::report {

/// The report as pastonly.report/1 (docs/report.schema.json): keys in the order of docs/formats.md, two
/// spaces of indentation, a newline at the end.
std::string write_json(const Report& report);
/// `layers` and `totals` as a report prints them: what `pastonly bound` knows.
std::string write_bound_json(const std::vector<Report::Layer>& layers, const Report::Totals& totals);
Json measurement_json(const Measurement& measurement);
Json finding_json(const Report::Finding& finding);
/// A policy as pastonly.policy/1, complete: reading it back gives the same policy.
Json policy_json(const Policy& policy);

}  // namespace pastonly::report

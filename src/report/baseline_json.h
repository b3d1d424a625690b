#pragma once

#include "pastonly/report.h"
#include "report/fields.h"
#include "report/ordered_json.h"

namespace pastonly::report {

/// Of parse.cpp: the inverse of measurement_json.
Measurement measurement_of(const Fields& in);
/// The report's `baseline`: what was accepted, and what became of it.
Json baseline_json(const Report::Baseline& baseline);
Report::Baseline baseline_of(const Fields& in);

}  // namespace pastonly::report

#pragma once

#include <string>

#include "pastonly/report.h"
#include "report/fields.h"
#include "report/value_json.h"
#include "report/writer.h"

namespace pastonly::report {

Json checks_json(const std::vector<Report::CheckEntry>& checks);  // json.cpp
Report::CheckEntry check_of(const Fields& in);                    // parse.cpp
Json experiment_json(const Report::Experiment& experiment);
Report::Experiment experiment_of(const Fields& in);

/// A line per arm: loss with its interval, what of it lies below the source, the e-value, and the loss under
/// other routing; then the arms' training losses as small pictures on one scale.
std::string experiment_text(const Report::Experiment& experiment, const TextStyle& style);

}  // namespace pastonly::report

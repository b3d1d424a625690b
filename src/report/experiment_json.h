#pragma once

#include <optional>
#include <string>

#include "pastonly/report.h"
#include "report/fields.h"
#include "report/ordered_json.h"
#include "report/writer.h"

namespace pastonly::report {

// json.cpp
Json checks_json(const std::vector<Report::CheckEntry>& checks);
// parse.cpp
Report::CheckEntry check_of(const Fields& in);
// detection_limit.cpp
Json limit_json(const std::optional<DetectionLimit>& limit);
std::optional<DetectionLimit> limit_of(const Fields& in);  // of the object that holds "detection_limit"

/// null where it is absent, infinite or not a number.
Json finite_number(const std::optional<double>& value);
Json experiment_json(const Report::Experiment& experiment);
Report::Experiment experiment_of(const Fields& in);

/// A line per arm, or per group of seeds: loss with its interval, what of it lies below the source, the
/// e-value, the training loss as a small picture on one scale; then the loss under other routing, and what
/// the routers learned. Requires report.experiment.
std::string experiment_text(const Report& report, const TextStyle& style);

}  // namespace pastonly::report

#pragma once

#include "pastonly/report.h"
#include "report/fields.h"
#include "report/ordered_json.h"

namespace pastonly::report {

/// "routers" of an experiment's arm, both ways.
Json routers_json(const Report::Experiment::Routers& routers);
Report::Experiment::Routers routers_of(const Fields& in);

}  // namespace pastonly::report

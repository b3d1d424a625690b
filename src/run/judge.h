#pragma once

#include <string>
#include <utility>
#include <vector>

#include "pastonly/outcome.h"
#include "pastonly/policy.h"
#include "pastonly/report.h"

namespace pastonly {

/// Applies the policy: Holm's correction over every statistical claim of the run (an e-value counts
/// as p = 1/e), limits, severities, ignores, requirements. `outcomes` pairs check ids with results.
/// Fills report.findings, verdict, verdict_reasons and not_assessed; today is YYYY-MM-DD.
void judge(const std::vector<std::pair<std::string, Outcome>>& outcomes, const Policy& policy,
           std::string_view today, Report& report);

}  // namespace pastonly

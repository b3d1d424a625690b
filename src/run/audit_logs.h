#pragma once

#include <span>
#include <string>

#include "input/text/training_log.h"
#include "pastonly/error.h"
#include "pastonly/policy.h"
#include "pastonly/report.h"

namespace pastonly::run {

/// Judges training runs by their logs, "LABEL:FILE" each (src/losses/logged_runs.h): loss-anomaly alone
/// runs, for nothing else is recorded. The caller fills in Report::run and the files' hashes. Errors as
/// read_arms.
Expected<Report> audit_logs(std::span<const std::string> logs, const input::LogOptions& options,
                            const Policy& policy, std::string_view today,
                            const input::Stop& stop = input::go_on);

}  // namespace pastonly::run

#pragma once

#include <span>

#include "losses/logged_runs.h"
#include "pastonly/outcome.h"
#include "pastonly/policy.h"

namespace pastonly::run {

/// What loss-anomaly says of training logs, other people's or an experiment's (docs/checks/loss-anomaly.md).
/// Skipped where there is nothing to compare.
Outcome loss_anomaly_of_logs(std::span<const losses::LoggedArm> arms, const Policy& policy);

}  // namespace pastonly::run

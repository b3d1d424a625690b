#pragma once

#include <span>
#include <vector>

#include "losses/logged_runs.h"
#include "pastonly/outcome.h"
#include "pastonly/policy.h"

namespace pastonly::run {

/// Where every arm's losses end and how they fall, whether or not there is anything to compare.
std::vector<Measurement> figures_of_logs(std::span<const losses::LoggedArm> arms, const Policy& policy);

/// What loss-anomaly says of training logs, other people's or an experiment's (docs/checks/loss-anomaly.md).
/// Skipped where there is nothing to compare.
Outcome loss_anomaly_of_logs(std::span<const losses::LoggedArm> arms, const Policy& policy);

}  // namespace pastonly::run

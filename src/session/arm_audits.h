#pragma once

#include <string>
#include <vector>

#include "lab/experiment.h"
#include "pastonly/policy.h"
#include "pastonly/report.h"
#include "pastonly/watch.h"
#include "run/judge.h"

namespace pastonly::session {

struct ArmAuditOptions {
  std::string directory;  ///< where the arms are kept
  Policy policy;
  std::vector<std::string> checks;  ///< ids to run; empty = all
  std::string today;
  Watch watch;
};

/// Runs the checks on every finished arm as a live subject, on tokens of its evaluation seed, and writes
/// what each measured to `experiment`. Returns all claims, check by check, with the arm's name before the
/// message: what one judge corrects over the whole experiment. A check counts as run if it ran on some arm.
Expected<run::Outcomes> audit_arms(const lab::Experiment& plan, const ArmAuditOptions& options,
                                   Report::Experiment& experiment);

}  // namespace pastonly::session

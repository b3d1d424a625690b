#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pastonly/policy.h"
#include "pastonly/report.h"
#include "pastonly/subject.h"
#include "subject/evidence.h"

namespace pastonly {

struct AuditOptions {
  std::vector<std::string> checks;  ///< ids to run; empty = all
  std::uint64_t seed = 0;
  Watch watch;
};

/// Runs the checks that the subject's capabilities allow, in catalogue order, and judges. The caller
/// fills in Report::run (times, arguments) and the files' hashes; everything else is deterministic in
/// subject, policy and seed. An interruption is an error of kind interrupted.
Expected<Report> audit(Subject& subject, const Policy& policy, const AuditOptions& options);

}  // namespace pastonly

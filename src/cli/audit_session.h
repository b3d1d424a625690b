#pragma once

#include <string>
#include <vector>

#include "cli/commands.h"
#include "input/trace_file.h"
#include "pastonly/policy.h"
#include "pastonly/report.h"

namespace pastonly::cli {

/// One audit of a recorded subject from path to complete report, hashes and times included: what
/// `audit` and `verify` share.
struct AuditRequest {
  std::string subject;
  input::TraceOptions options;
  Policy policy;
  std::vector<std::string> checks;
  std::uint64_t seed = 0;
};
Expected<Report> run_audit(const AuditRequest& request, const Session& session);

}  // namespace pastonly::cli

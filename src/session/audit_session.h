#pragma once

#include <optional>
#include <string>
#include <vector>

#include "external/external_model.h"
#include "input/text/training_log.h"
#include "input/trace/trace_file.h"
#include "pastonly/policy.h"
#include "pastonly/report.h"
#include "run/baseline.h"
#include "session/environment.h"
#include "session/subject_options.h"

namespace pastonly::session {

/// One audit of a recorded subject, of a checkpoint, or of training logs, from path to complete report,
/// hashes and times included: what `audit` and `verify` share.
struct AuditRequest {
  std::string subject;
  input::TraceOptions options;
  Policy policy;
  std::vector<std::string> checks;
  std::uint64_t seed = 0;
  std::vector<std::string> logs;  ///< LABEL:FILE each, instead of a subject
  input::LogOptions log_options = {};
  CheckpointOptions checkpoint;
  TagFiles tags = {};
  external::Program program = {};  ///< asked instead of a subject, where it names a command or pipes
  /// Further recordings of the same model, each audited with the same options, and judged with the first.
  std::vector<std::string> beside = {};
  std::optional<run::EarlierReport> baseline = {};  ///< what it found is accepted
};
/// For a report of logs: what was told; and back into the request. Usage error where the report does not say.
Value logs_to_value(const AuditRequest& request);
Expected<void> logs_from_value(const Value& value, AuditRequest& request);

/// Usage errors, besides others: recordings beside a checkpoint. Input errors: recordings that cannot be of
/// one model.
Expected<Report> run_audit(const AuditRequest& request, const Environment& environment);

/// The request that a report is the answer to. Usage errors: its subject cannot be asked again.
Expected<AuditRequest> audit_of(const Report& report);

}  // namespace pastonly::session

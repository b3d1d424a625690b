#include <fmt/format.h>

#include "pastonly/check.h"
#include "session/audit_session.h"

namespace pastonly::session {

Expected<AuditRequest> audit_of(const Report& report) {
  if (report.subject.kind == "process")
    return usage_error(
        "the report is of a program that answered (--exec), which verify does not start: record its runs "
        "with "
        "audit --record DIRECTORY, and verify the report of an audit of that plan");
  AuditRequest request;
  request.subject = report.subject.name;
  if (report.subject.kind == "logs") {
    if (auto given = logs_from_value(report.subject.options, request); !given)
      return tl::unexpected(given.error());
  } else {
    auto options = trace_options_from(report.subject.options);
    if (!options) return tl::unexpected(options.error());
    request.options = *std::move(options);
    request.checkpoint = checkpoint_options_from(report.subject.options);
    request.tags = tag_files_from(report.subject.options);
  }
  for (const Report& other : report.beside) request.beside.push_back(other.subject.name);
  request.policy = report.policy;
  request.seed = report.run.seed;
  for (const auto& check : report.checks) {
    if (find_check(check.id) == nullptr) {
      return input_error(
          fmt::format("the report holds check {}, which this version does not have", check.id));
    }
    request.checks.push_back(check.id);
  }
  return request;
}

}  // namespace pastonly::session

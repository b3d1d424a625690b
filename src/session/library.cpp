#include "input/policy/policy.h"
#include "pastonly/audit.h"
#include "report/writer.h"
#include "run/audit.h"
#include "session/audit_session.h"
#include "session/clock.h"
#include "session/timed_run.h"

namespace pastonly {
namespace {

session::Environment environment_of(const AuditRequest& request) {
  session::Environment environment;
  environment.threads = request.threads;
  environment.watch = request.watch;
  return environment;
}

}  // namespace

Expected<Report> audit(const AuditRequest& request) {
  if (request.subject.empty())
    return usage_error("no subject is given: a trace file, a plan directory or a checkpoint");
  auto policy = input::read_policy(request.policy, session::utc_today());
  if (!policy) return tl::unexpected(policy.error());
  session::AuditRequest whole;
  whole.subject = request.subject;
  whole.policy = *std::move(policy);
  whole.checks = request.checks;
  whole.seed = request.seed;
  if (request.batch > 0) whole.options.batch = request.batch;
  whole.checkpoint.rule = request.rule;
  if (whole.checkpoint.rule.empty() && session::is_checkpoint(request.subject))
    whole.checkpoint.rule = whole.policy.rule;
  whole.checkpoint.tokens = request.tokens;
  whole.checkpoint.text = request.text;
  whole.checkpoint.positions = request.positions;
  return session::run_audit(whole, environment_of(request));
}

Expected<Report> audit(Subject& subject, const AuditRequest& request) {
  const session::TimedRun timed(environment_of(request));
  const auto policy = input::read_policy(request.policy, timed.today());
  if (!policy) return tl::unexpected(policy.error());
  auto report = run::audit(subject, *policy, {request.checks, request.seed, timed.today(), request.watch});
  if (report) report->run = timed.record(request.seed);
  return report;
}

Expected<std::string> format_report(const Report& report, std::string_view format) {
  const report::Writer* writer = report::find_writer(format);
  if (writer == nullptr) return usage_error("no report format is called " + std::string(format));
  return writer->write(report, {});
}

}  // namespace pastonly

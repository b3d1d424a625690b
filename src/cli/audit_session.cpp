#include "cli/audit_session.h"

#include <tbb/global_control.h>
#include <tbb/info.h>

#include <chrono>

#include "cli/clock.h"
#include "cli/file_hashes.h"
#include "cli/interrupt.h"
#include "cli/progress.h"
#include "cli/trace_options.h"
#include "run/audit.h"
#include "subject/recorded.h"

namespace pastonly::cli {

Expected<Report> run_audit(const AuditRequest& request, const Session& session) {
  const std::string started = utc_now();
  const auto start = std::chrono::steady_clock::now();
  const auto threads =
      session.threads > 0 ? session.threads : static_cast<unsigned>(tbb::info::default_concurrency());
  const tbb::global_control limit(tbb::global_control::max_allowed_parallelism, threads);
  const Interrupt interrupt;
  Progress progress(session.quiet);

  auto subject = open_recorded(request.subject, request.options);
  if (!subject) return tl::unexpected(subject.error());
  FileHashes hashes((*subject)->info().files);

  AuditOptions options;
  options.checks = request.checks;
  options.seed = request.seed;
  options.today = started.substr(0, 10);
  options.watch.progress = [&](double fraction, std::string_view what) { progress.report(fraction, what); };
  options.watch.stop = [] { return Interrupt::requested(); };
  auto report = audit(**subject, request.policy, options);
  if (!report) return report;
  auto files = hashes.wait();
  if (!files) return tl::unexpected(files.error());

  report->subject.files = *std::move(files);
  report->subject.options = to_value(request.options);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  report->run = {started, seconds.count(), request.seed, threads, session.arguments};
  return report;
}

}  // namespace pastonly::cli

#include "session/lint_session.h"

#include "session/timed_run.h"

namespace pastonly::session {

Report run_lint(const lint::Request& request, const Environment& environment) {
  const TimedRun timed(environment);
  Report report = lint::lint(request, environment.watch);
  report.run = timed.record(0);
  return report;
}

}  // namespace pastonly::session

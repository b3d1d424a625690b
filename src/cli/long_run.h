#pragma once

#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/progress.h"
#include "session/environment.h"

namespace pastonly::cli {

/// Work that a user waits for, while this lives: it shows how far it is and stops when asked to. One instance
/// at a time.
class LongRun {
 public:
  explicit LongRun(const Session& session) : session_(session), progress_(session.quiet) {}
  /// Refers to this.
  session::Environment environment();

 private:
  const Session& session_;
  Interrupt interrupt_;
  Progress progress_;
};

/// What `work` makes of the session's environment, while progress is shown.
template <class Work>
auto long_run(const Session& session, Work work) {
  LongRun run(session);
  return work(run.environment());
}

}  // namespace pastonly::cli

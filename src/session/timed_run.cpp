#include "session/timed_run.h"

#include <tbb/info.h>

#include "kernels/target.h"
#include "session/clock.h"

namespace pastonly::session {

TimedRun::TimedRun(const Environment& environment)
    : started_(utc_now()),
      arguments_(environment.arguments),
      threads_(environment.threads > 0 ? environment.threads
                                       : static_cast<unsigned>(tbb::info::default_concurrency())),
      limit_(tbb::global_control::max_allowed_parallelism, threads_) {}

Report::Run TimedRun::record(std::uint64_t seed) const {
  const std::chrono::duration<double> seconds = Clock::now() - start_;
  return {started_, seconds.count(), seed, threads_, arguments_, std::string(kernels::instructions())};
}

}  // namespace pastonly::session

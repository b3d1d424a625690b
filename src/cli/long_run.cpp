#include "cli/long_run.h"

#include <tbb/info.h>

#include "cli/clock.h"
#include "kernels/target.h"

namespace pastonly::cli {

LongRun::LongRun(const Session& session)
    : started_(utc_now()),
      arguments_(session.arguments),
      threads_(session.threads > 0 ? session.threads
                                   : static_cast<unsigned>(tbb::info::default_concurrency())),
      limit_(tbb::global_control::max_allowed_parallelism, threads_),
      progress_(session.quiet) {}

Watch LongRun::watch() {
  return {[this](double fraction, std::string_view what) { progress_.report(fraction, what); },
          [] { return Interrupt::requested(); }};
}

Report::Run LongRun::record(std::uint64_t seed) const {
  const std::chrono::duration<double> seconds = Clock::now() - start_;
  return {started_, seconds.count(), seed, threads_, arguments_, std::string(kernels::instructions())};
}

}  // namespace pastonly::cli

#pragma once

#include <tbb/global_control.h>

#include <chrono>
#include <string>
#include <string_view>

#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/progress.h"
#include "pastonly/report.h"
#include "pastonly/watch.h"

namespace pastonly::cli {

/// Work that a user waits for, while this lives: it keeps to the threads asked for, shows how far it is,
/// stops when asked to, and is dated. One instance at a time.
class LongRun {
 public:
  explicit LongRun(const Session& session);

  unsigned threads() const noexcept { return threads_; }
  /// Its date, "2026-01-31".
  std::string today() const { return started_.substr(0, 10); }
  /// Refers to this.
  Watch watch();
  /// A line beside the progress.
  void say(std::string_view line) { progress_.say(line); }
  /// When it ran, for how long until now, and how it was asked for.
  Report::Run record(std::uint64_t seed) const;

 private:
  using Clock = std::chrono::steady_clock;
  std::string started_;
  Clock::time_point start_ = Clock::now();
  std::vector<std::string> arguments_;
  unsigned threads_;
  tbb::global_control limit_;
  Interrupt interrupt_;
  Progress progress_;
};

}  // namespace pastonly::cli

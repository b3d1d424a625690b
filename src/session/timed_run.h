#pragma once

#include <tbb/global_control.h>

#include <chrono>
#include <string>
#include <vector>

#include "pastonly/report.h"
#include "session/environment.h"

namespace pastonly::session {

/// While this lives the work keeps to the threads asked for, and is dated. One instance at a time.
class TimedRun {
 public:
  explicit TimedRun(const Environment& environment);

  unsigned threads() const noexcept { return threads_; }
  /// Its date, "2026-01-31".
  std::string today() const { return started_.substr(0, 10); }
  /// When it ran, for how long until now, and how it was asked for.
  Report::Run record(std::uint64_t seed) const;

 private:
  using Clock = std::chrono::steady_clock;
  std::string started_;
  Clock::time_point start_ = Clock::now();
  std::vector<std::string> arguments_;
  unsigned threads_;
  tbb::global_control limit_;
};

}  // namespace pastonly::session

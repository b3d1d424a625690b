#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string_view>
#include <thread>

#include "cli/progress_line.h"
#include "pastonly/watch.h"

namespace pastonly::cli {

/// Progress on stderr: a bar on a terminal, elsewhere a line after 10 seconds and then every 30, nothing when
/// quiet. A thread of its own keeps the time, so that work that says nothing for long shows as well.
/// Thread-safe; clears its bar when destroyed.
class Progress {
 public:
  explicit Progress(bool quiet);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress();

  void report(std::optional<double> fraction, std::string_view what);
  /// A line of its own, at once.
  void say(std::string_view what);
  /// Reports here, and never asks to stop. Refers to this.
  Watch watch();

 private:
  using Clock = std::chrono::steady_clock;
  void keep_time();
  void show(Clock::time_point now);
  void clear_bar();
  double seconds(Clock::time_point now) const;

  std::mutex mutex_;
  bool terminal_ = false;
  bool quiet_ = false;
  bool drawn_ = false;
  bool over_ = false;
  Clock::time_point begun_, next_;  // next_: no line or bar before it
  ProgressLine line_;
  std::condition_variable wake_;
  std::thread clock_;
};

}  // namespace pastonly::cli

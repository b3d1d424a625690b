#pragma once

#include <chrono>
#include <mutex>
#include <string>
#include <string_view>

namespace pastonly::cli {

/// Progress on stderr: a bar on a terminal, a line every 30 seconds elsewhere, nothing when quiet.
/// Thread-safe; clears its bar when destroyed.
class Progress {
 public:
  explicit Progress(bool quiet);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress();

  void report(double fraction, std::string_view what);
  /// A line of its own, at once.
  void say(std::string_view what);

 private:
  void clear_bar();
  using Clock = std::chrono::steady_clock;
  std::mutex mutex_;
  bool terminal_ = false;
  bool quiet_ = false;
  bool drawn_ = false;
  Clock::time_point last_;
};

}  // namespace pastonly::cli

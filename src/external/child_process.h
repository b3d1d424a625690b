#pragma once

#include <sys/types.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "external/channel.h"
#include "pastonly/error.h"

namespace pastonly::external {

/// A command that a shell runs in a process group of its own, so that whatever it starts ends with it. Two
/// pipes, named by PASTONLY_IN_FD and PASTONLY_OUT_FD, are for the channel; what it prints is read along and
/// its end kept for messages.
class ChildProcess {
 public:
  /// Input error: no process or pipe can be made.
  static Expected<std::unique_ptr<ChildProcess>> start(const std::string& command);
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  /// Lets it end by itself for a moment, then ends the group.
  ~ChildProcess();

  Channel& channel() noexcept { return *channel_; }
  /// Waits a moment for its end: "ended with exit code 1", "was ended by signal 9", or "is still running".
  std::string ending();
  /// The last lines that it printed, "one | two".
  std::string last_words();

 private:
  ChildProcess() = default;
  bool ended(int milliseconds);
  void listen() noexcept;

  pid_t pid_ = -1;
  int status_ = 0;
  bool reaped_ = false;
  std::unique_ptr<Channel> channel_;
  Descriptor printed_;
  std::mutex mutex_;  // of words_
  std::string words_;
  std::atomic<bool> deaf_ = false;
  std::thread listener_;
};

}  // namespace pastonly::external

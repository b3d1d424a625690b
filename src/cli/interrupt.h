#pragma once

namespace pastonly::cli {

/// From construction on, the first SIGINT, SIGTERM or SIGHUP (a terminal that is closed) asks long work to
/// stop; the second ends the process at once. One instance at a time.
class Interrupt {
 public:
  Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;
  ~Interrupt();
  static bool requested() noexcept;

 private:
  bool hangs_up_ = true;
};

}  // namespace pastonly::cli

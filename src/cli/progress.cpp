#include "cli/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "cli/messages.h"
#include "input/text/printable.h"

namespace pastonly::cli {

Progress::Progress(bool quiet) : terminal_(isatty(STDERR_FILENO) != 0), quiet_(quiet), last_(Clock::now()) {}

Progress::~Progress() { clear_bar(); }

void Progress::clear_bar() {
  if (drawn_) tell("\r\x1b[K");
  drawn_ = false;
}

void Progress::say(std::string_view what) {
  if (quiet_) return;
  const std::lock_guard lock(mutex_);
  clear_bar();
  tell_line(what);
}

void Progress::report(double fraction, std::string_view what) {
  if (quiet_) return;
  const std::lock_guard lock(mutex_);
  const auto now = Clock::now();
  const auto pause = terminal_ ? std::chrono::milliseconds(100) : std::chrono::milliseconds(30'000);
  if (now - last_ < pause) return;
  last_ = now;
  const double share = std::clamp(fraction, 0.0, 1.0);
  if (!terminal_) {
    tell_line(fmt::format("{:.0f}% {}", 100.0 * share, what));
    return;
  }
  constexpr int width = 30;
  const int filled = static_cast<int>(width * share);
  tell(fmt::format("\r\x1b[K[{:#<{}}{:.<{}}] {:3.0f}% {}", "", filled, "", width - filled, 100.0 * share,
                   input::printable(what)));
  drawn_ = true;
}

}  // namespace pastonly::cli

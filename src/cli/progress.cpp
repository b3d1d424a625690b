#include "cli/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <system_error>

#include "cli/messages.h"

namespace pastonly::cli {
namespace {

using namespace std::chrono_literals;

constexpr auto first_line = 10s, between_lines = 30s;
constexpr auto between_bars = 100ms;

bool draws_bars() {
  const char* const kind = std::getenv("TERM");
  return isatty(STDERR_FILENO) != 0 && (kind == nullptr || std::string_view(kind) != "dumb");
}

std::size_t columns() {
  winsize size{};
  const bool known = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : 80;
}

}  // namespace

Progress::Progress(bool quiet) : terminal_(draws_bars()), quiet_(quiet), begun_(Clock::now()) {
  next_ = begun_ + (terminal_ ? Clock::duration(between_bars) : Clock::duration(first_line));
  if (quiet_) return;
  try {
    clock_ = std::thread([this] { keep_time(); });
  } catch (const std::system_error&) {  // no thread to be had: reports alone are shown
  }
}

Progress::~Progress() {
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  wake_.notify_all();
  if (clock_.joinable()) clock_.join();
  clear_bar();
}

double Progress::seconds(Clock::time_point now) const {
  return std::chrono::duration<double>(now - begun_).count();
}

void Progress::clear_bar() {
  if (drawn_) tell("\r\x1b[K");
  drawn_ = false;
}

void Progress::keep_time() {
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, 1s, [this] { return over_; })) show(Clock::now());
}

void Progress::show(Clock::time_point now) {
  if (now < next_) return;
  const std::string line = terminal_ ? line_.drawn(seconds(now), columns() - 1) : line_.plain(seconds(now));
  if (line.empty()) return;
  if (terminal_) {
    tell("\r\x1b[K" + line);
    drawn_ = true;
  } else {
    tell_line(line);
  }
  next_ = now + (terminal_ ? Clock::duration(between_bars) : Clock::duration(between_lines));
}

void Progress::say(std::string_view what) {
  if (quiet_) return;
  const std::lock_guard lock(mutex_);
  clear_bar();
  tell_line(what);
}

void Progress::report(std::optional<double> fraction, std::string_view what) {
  if (quiet_) return;
  const std::lock_guard lock(mutex_);
  const auto now = Clock::now();
  line_.report(fraction, what, seconds(now));
  show(now);
}

Watch Progress::watch() {
  Watch out;
  out.progress = [this](std::optional<double> fraction, std::string_view what) { report(fraction, what); };
  return out;
}

}  // namespace pastonly::cli

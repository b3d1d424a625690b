#include "external/channel.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <utility>

namespace pastonly::external {
namespace {

using Clock = std::chrono::steady_clock;

/// Waits for a descriptor in steps short enough to notice an interruption.
Channel::Outcome wait_for(int descriptor, short event, Clock::time_point end,
                          const std::function<bool()>& stop) {
  constexpr int step = 50;  // milliseconds
  for (;;) {
    if (stop()) return Channel::Outcome::interrupted;
    pollfd one{descriptor, event, 0};
    const int ready = ::poll(&one, 1, step);
    if (ready > 0) return Channel::Outcome::done;  // or closed: the call that follows says so
    if (ready < 0 && errno != EINTR) return Channel::Outcome::closed;
    if (Clock::now() >= end) return Channel::Outcome::late;
  }
}

}  // namespace

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  close();
  number_ = other.release();
  return *this;
}

int Descriptor::release() noexcept { return std::exchange(number_, -1); }

void Descriptor::close() noexcept {
  if (number_ >= 0) ::close(number_);
  number_ = -1;
}

Channel::Outcome Channel::send(std::string line, std::chrono::milliseconds limit,
                               const std::function<bool()>& stop) {
  line += '\n';
  const auto end = Clock::now() + limit;
  for (std::string_view rest = line; !rest.empty();) {
    if (const Outcome waited = wait_for(to_.get(), POLLOUT, end, stop); waited != Outcome::done)
      return waited;
    // A pipe that can be written to takes as much at once.
    const ssize_t wrote = ::write(to_.get(), rest.data(), std::min<std::size_t>(rest.size(), PIPE_BUF));
    if (wrote < 0 && errno != EINTR && errno != EAGAIN) return Outcome::closed;
    if (wrote > 0) rest.remove_prefix(static_cast<std::size_t>(wrote));
  }
  return Outcome::done;
}

Channel::Received Channel::receive(std::chrono::milliseconds limit, const std::function<bool()>& stop) {
  const auto end = Clock::now() + limit;
  for (std::size_t searched = 0;;) {
    if (const std::size_t at = read_.find('\n', searched); at != std::string::npos) {
      Received out{Outcome::done, read_.substr(0, at)};
      read_.erase(0, at + 1);
      return out;
    }
    searched = read_.size();
    if (read_.size() > longest_line) return {Outcome::too_long, {}};
    if (const Outcome waited = wait_for(from_.get(), POLLIN, end, stop); waited != Outcome::done)
      return {waited, {}};
    std::array<char, 4096> block;
    const ssize_t got = ::read(from_.get(), block.data(), block.size());
    if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN)) return {Outcome::closed, {}};
    if (got > 0) read_.append(block.data(), static_cast<std::size_t>(got));
  }
}

}  // namespace pastonly::external

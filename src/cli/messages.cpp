#include "cli/messages.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "input/text/printable.h"

namespace pastonly::cli {

void tell(std::string_view text) noexcept {
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
}

void tell_line(std::string_view line) { tell(fmt::format("pastonly: {}\n", input::printable(line))); }

void hold_standard_streams() noexcept {
  // In ascending order: each open takes the lowest that is free. Read-only, so that writes fail as before.
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(fd, F_GETFD) == -1 && errno == EBADF) ::open("/dev/null", O_RDONLY);
  }
}

}  // namespace pastonly::cli

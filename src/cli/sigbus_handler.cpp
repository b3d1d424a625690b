#include "cli/sigbus_handler.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstdint>
#include <string_view>

namespace pastonly::cli {
namespace {

// A signal handler may call little: no allocation, no stdio. open, read, write and _exit are allowed.

void say(std::string_view text) {
  if (::write(STDERR_FILENO, text.data(), text.size()) < 0) return;
}

/// Takes a hexadecimal number off the front.
std::uintptr_t take_hex(std::string_view& text) {
  std::uintptr_t value = 0;
  for (; !text.empty(); text.remove_prefix(1)) {
    const char c = text.front();
    const bool digit = c >= '0' && c <= '9';
    if (!digit && (c < 'a' || c > 'f')) break;
    value = value * 16 + static_cast<std::uintptr_t>(digit ? c - '0' : c - 'a' + 10);
  }
  return value;
}

/// The file of a line of /proc/self/maps, "from-to rwxp offset device inode   path", where it holds the
/// address.
std::string_view file_at(std::string_view line, std::uintptr_t address) {
  const std::uintptr_t from = take_hex(line);
  if (!line.starts_with('-')) return {};
  line.remove_prefix(1);
  const std::size_t path = line.find('/');
  const bool holds = from <= address && address < take_hex(line);
  return holds && path != std::string_view::npos ? line.substr(line.find('/')) : std::string_view{};
}

void say_file_of(std::uintptr_t address) {
  const int maps = ::open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  std::array<char, 8192> line{};
  std::size_t length = 0;
  for (char c = 0; maps >= 0 && ::read(maps, &c, 1) == 1;) {
    if (c != '\n') {
      if (length < line.size()) line[length++] = c;
      continue;
    }
    if (const auto file = file_at({line.data(), length}, address); !file.empty()) return say(file);
    length = 0;
  }
  say("a file");
}

// Several threads may meet the lost pages at once; the first speaks for all.
std::atomic_flag said = ATOMIC_FLAG_INIT;

extern "C" void on_lost_page(int, siginfo_t* what, void*) {
  while (said.test_and_set()) ::pause();
  say("pastonly: ");
  say_file_of(reinterpret_cast<std::uintptr_t>(what->si_addr));
  say(": was truncated or became unreadable while it was in use; run again\n");
  ::_exit(2);
}

}  // namespace

void install_sigbus_handler() {
  struct sigaction action {};
  action.sa_sigaction = on_lost_page;
  action.sa_flags = SA_SIGINFO;
  ::sigaction(SIGBUS, &action, nullptr);
}

}  // namespace pastonly::cli

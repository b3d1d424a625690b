#include "external/child_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <optional>
#include <vector>

namespace pastonly::external {
namespace {

constexpr std::size_t kept_words = 4096;
constexpr int in_number = 3, out_number = 4;  // of the channel, in the child

struct Pipe {
  Descriptor read, write;
};

/// Above the numbers that the child's ends get, and closed in every child.
std::optional<Pipe> make_pipe() {
  std::array<int, 2> low{};
  if (::pipe2(low.data(), O_CLOEXEC) != 0) return std::nullopt;
  const Descriptor first(low[0]), second(low[1]);
  Pipe out{Descriptor(::fcntl(first.get(), F_DUPFD_CLOEXEC, 10)),
           Descriptor(::fcntl(second.get(), F_DUPFD_CLOEXEC, 10))};
  if (out.read.get() < 0 || out.write.get() < 0) return std::nullopt;
  return out;
}

std::vector<std::string> environment_with_channel() {
  std::vector<std::string> out;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    if (!text.starts_with("PASTONLY_IN_FD=") && !text.starts_with("PASTONLY_OUT_FD=")) out.emplace_back(text);
  }
  out.push_back(fmt::format("PASTONLY_IN_FD={}", in_number));
  out.push_back(fmt::format("PASTONLY_OUT_FD={}", out_number));
  return out;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  out.reserve(texts.size() + 1);
  for (std::string& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

/// The signals that end a program, as in a fresh one: this one may ignore some, and a child would as well.
void reset_signals(posix_spawnattr_t& attributes) {
  sigset_t all;
  ::sigemptyset(&all);
  for (const int signal : {SIGINT, SIGTERM, SIGPIPE, SIGHUP}) ::sigaddset(&all, signal);
  ::posix_spawnattr_setsigdefault(&attributes, &all);
}

}  // namespace

Expected<std::unique_ptr<ChildProcess>> ChildProcess::start(const std::string& command) {
  auto asks = make_pipe(), answers = make_pipe(), prints = make_pipe();
  if (!asks || !answers || !prints)
    return input_error(fmt::format("{}: no pipe can be made: {}", command, std::strerror(errno)));
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, prints->write.get(), STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, prints->write.get(), STDERR_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, asks->read.get(), in_number);
  ::posix_spawn_file_actions_adddup2(&actions, answers->write.get(), out_number);
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF);
  ::posix_spawnattr_setpgroup(&attributes, 0);
  reset_signals(attributes);
  std::vector<std::string> arguments{"sh", "-c", command}, environment = environment_with_channel();
  std::unique_ptr<ChildProcess> out(new ChildProcess);
  const int failed = ::posix_spawn(&out->pid_, "/bin/sh", &actions, &attributes, pointers(arguments).data(),
                                   pointers(environment).data());
  ::posix_spawn_file_actions_destroy(&actions);
  ::posix_spawnattr_destroy(&attributes);
  if (failed != 0) {
    out->reaped_ = true;
    return input_error(fmt::format("{}: cannot be started: {}", command, std::strerror(failed)));
  }
  out->channel_ = std::make_unique<Channel>(std::move(answers->read), std::move(asks->write));
  out->printed_ = std::move(prints->read);
  out->listener_ = std::thread([child = out.get()] { child->listen(); });
  return out;
}

ChildProcess::~ChildProcess() {
  if (channel_) channel_->close_sending();
  if (!ended(2000)) {
    ::kill(-pid_, SIGTERM);
    if (!ended(2000)) ::kill(-pid_, SIGKILL);
    ended(2000);
  }
  if (pid_ > 0) ::kill(-pid_, SIGKILL);  // what it left behind
  deaf_ = true;
  if (listener_.joinable()) listener_.join();
}

bool ChildProcess::ended(int milliseconds) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(milliseconds);
  while (!reaped_) {
    const pid_t found = ::waitpid(pid_, &status_, WNOHANG);
    reaped_ = found == pid_ || (found < 0 && errno == ECHILD);
    if (reaped_ || std::chrono::steady_clock::now() >= end) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return reaped_;
}

std::string ChildProcess::ending() {
  if (!ended(1000)) return "is still running";
  if (WIFSIGNALED(status_)) return fmt::format("was ended by signal {}", WTERMSIG(status_));
  return fmt::format("ended with exit code {}", WEXITSTATUS(status_));
}

std::string ChildProcess::last_words() {
  std::this_thread::sleep_for(std::chrono::milliseconds(100));  // what it printed last may be under way
  const std::lock_guard lock(mutex_);
  constexpr std::size_t lines = 8;
  std::vector<std::string_view> last;
  std::string_view rest = words_;
  while (last.size() < lines && !rest.empty()) {
    const std::size_t before = rest.rfind('\n');
    const std::string_view line = before == std::string_view::npos ? rest : rest.substr(before + 1);
    if (!line.empty()) last.insert(last.begin(), line);
    rest = before == std::string_view::npos ? std::string_view() : rest.substr(0, before);
  }
  return fmt::format("{}", fmt::join(last, " | "));
}

void ChildProcess::listen() noexcept {
  std::array<char, 4096> block;
  while (!deaf_) {
    pollfd one{printed_.get(), POLLIN, 0};
    if (::poll(&one, 1, 50) <= 0) continue;
    const ssize_t got = ::read(printed_.get(), block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return;
    const std::lock_guard lock(mutex_);
    words_.append(block.data(), static_cast<std::size_t>(got));
    if (words_.size() > 2 * kept_words) words_.erase(0, words_.size() - kept_words);
  }
}

}  // namespace pastonly::external

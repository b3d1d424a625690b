#include "input/files/atomic_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <system_error>

namespace pastonly::input {

namespace {

struct Close {
  void operator()(std::FILE* file) const noexcept { std::fclose(file); }
};

tl::unexpected<Error> failed(const std::filesystem::path& path, std::string_view what) {
  return input_error(fmt::format("{}: {}: {}", path.string(), what, std::strerror(errno)));
}

Expected<void> write_parts(std::FILE* file, const std::filesystem::path& path,
                           std::span<const std::span<const std::byte>> parts) {
  for (const auto part : parts) {
    if (!part.empty() && std::fwrite(part.data(), 1, part.size(), file) != part.size()) {
      return failed(path, "cannot be written");
    }
  }
  if (std::fflush(file) != 0 || ::fsync(::fileno(file)) != 0) return failed(path, "cannot be written");
  return {};
}

/// NAME.PID-ATTEMPT.tmp
bool is_aside(std::string_view name) {
  if (!name.ends_with(".tmp")) return false;
  name.remove_suffix(4);
  const std::size_t dot = name.rfind('.');
  if (dot == std::string_view::npos || dot == 0) return false;
  name.remove_prefix(dot + 1);
  const std::size_t dash = name.find('-');
  return dash != std::string_view::npos && dash > 0 && dash + 1 < name.size() &&
         name.find_first_not_of("0123456789-") == std::string_view::npos;
}

}  // namespace

AsideFile open_aside(const std::filesystem::path& path) {
  AsideFile out;
  int fd = -1;
  for (unsigned attempt = 0; fd < 0 && attempt < 100; ++attempt) {
    out.path = fmt::format("{}.{}-{}.tmp", path.string(), ::getpid(), attempt);
    fd = ::open(out.path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (fd < 0 && errno != EEXIST) break;
  }
  if (fd < 0) return out;
  out.file = ::fdopen(fd, "wb");
  if (out.file == nullptr) {
    const int why = errno;
    ::close(fd);
    ::unlink(out.path.c_str());
    errno = why;
  }
  return out;
}

Expected<void> write_atomically(const std::filesystem::path& path,
                                std::span<const std::span<const std::byte>> parts) {
  const AsideFile aside = open_aside(path);
  if (aside.file == nullptr) return failed(path, "cannot be written");
  std::unique_ptr<std::FILE, Close> file(aside.file);
  auto written = write_parts(file.get(), path, parts);
  file.reset();
  if (written && std::rename(aside.path.c_str(), path.c_str()) != 0)
    written = failed(path, "cannot be replaced");
  if (!written) ::unlink(aside.path.c_str());
  return written;
}

Expected<void> write_atomically(const std::filesystem::path& path, std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  const std::array<std::span<const std::byte>, 1> parts{bytes};
  return write_atomically(path, parts);
}

void remove_left_aside(const std::filesystem::path& directory) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(directory, ignored)) {
    if (is_aside(entry.path().filename().string())) std::filesystem::remove(entry.path(), ignored);
  }
}

}  // namespace pastonly::input

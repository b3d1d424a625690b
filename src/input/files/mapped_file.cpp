#include "input/files/mapped_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace pastonly::input {

namespace {

tl::unexpected<Error> system_error(const std::filesystem::path& path, std::string_view what) {
  return input_error(fmt::format("{}: {}: {}", path.string(), what, std::strerror(errno)));
}

/// Closes on every way out.
class Descriptor {
 public:
  explicit Descriptor(int fd) noexcept : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const noexcept { return fd_; }

 private:
  int fd_;
};

}  // namespace

Expected<std::shared_ptr<const MappedFile>> MappedFile::open(const std::filesystem::path& path) {
  // O_NONBLOCK: opening a named pipe must not wait for a writer.
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (fd.get() < 0) return system_error(path, "cannot be opened");
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return system_error(path, "cannot be examined");
  if (!S_ISREG(status.st_mode)) return input_error(path.string() + ": is not a regular file");
  const auto size = static_cast<std::size_t>(status.st_size);
  const std::byte* data = nullptr;
  if (size > 0) {
    void* mapped = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd.get(), 0);
    if (mapped == MAP_FAILED) return system_error(path, "cannot be mapped");
    data = static_cast<const std::byte*>(mapped);
  }
  std::shared_ptr<const MappedFile> file(new MappedFile(data, size));
  constexpr std::string_view pointer = "version https://git-lfs.github.com/spec/";
  if (size >= pointer.size() && std::memcmp(data, pointer.data(), pointer.size()) == 0)
    return input_error(path.string() +
                       ": is a Git LFS pointer, not the file that it stands for; fetch that "
                       "(git lfs pull)");
  return file;
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

Expected<std::string> read_text(const std::filesystem::path& path, std::size_t limit) {
  const auto file = MappedFile::open(path);
  if (!file) return tl::unexpected(file.error());
  const auto bytes = (*file)->bytes();
  if (bytes.size() > limit) {
    return input_error(fmt::format("{}: {} bytes, more than the {} that such a file may have", path.string(),
                                   bytes.size(), limit));
  }
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

}  // namespace pastonly::input

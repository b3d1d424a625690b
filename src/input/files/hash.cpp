#include "input/files/hash.h"

// The functions that OpenSSL 3 recommends fetch an algorithm at first use, and crash where memory runs out
// meanwhile (3.0: a lock that was not made is taken). These ask for no memory at all, and cannot fail.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/sha.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>

#include "stats/parallel.h"

namespace pastonly::input {

namespace {

/// A running SHA-256.
class Sha256 {
 public:
  Sha256() { SHA256_Init(&context_); }
  void add(const void* data, std::size_t size) { SHA256_Update(&context_, data, size); }
  std::string hex() {
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA256_Final(digest, &context_);
    std::string text;
    for (const unsigned char byte : digest) text += fmt::format("{:02x}", byte);
    return text;
  }

 private:
  SHA256_CTX context_;
};

struct Hashed {
  std::string sha256;
  std::uint64_t bytes = 0;
};

/// Reads rather than maps: hashing touches every byte once, and a file that shrinks meanwhile is an
/// error here instead of a fault.
Expected<Hashed> hash_file(const std::filesystem::path& path) {
  constexpr std::size_t block = std::size_t{1} << 20;
  const auto buffer = std::make_unique<char[]>(block);  // before the file is open: it may throw
  Sha256 hash;
  Hashed out;
  // O_NONBLOCK: opening a named pipe must not wait for a writer.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0)
    return input_error(fmt::format("{}: cannot be opened: {}", path.string(), std::strerror(errno)));
  struct stat status {};
  if (::fstat(fd, &status) == 0 && !S_ISREG(status.st_mode)) {
    ::close(fd);
    return input_error(path.string() + ": is not a regular file");
  }
  ::posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
  for (;;) {
    const auto got = ::read(fd, buffer.get(), block);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      auto failure = input_error(fmt::format("{}: cannot be read: {}", path.string(), std::strerror(errno)));
      ::close(fd);
      return failure;
    }
    if (got == 0) break;
    hash.add(buffer.get(), static_cast<std::size_t>(got));
    out.bytes += static_cast<std::uint64_t>(got);
  }
  ::close(fd);
  out.sha256 = hash.hex();
  return out;
}

}  // namespace

Expected<std::string> sha256_file(const std::filesystem::path& path) {
  auto hashed = hash_file(path);
  if (!hashed) return tl::unexpected(hashed.error());
  return std::move(hashed->sha256);
}

std::string sha256_bytes(std::span<const std::byte> bytes) {
  Sha256 hash;
  hash.add(bytes.data(), bytes.size());
  return hash.hex();
}

std::string sha256_text(std::string_view text) { return sha256_bytes(std::as_bytes(std::span(text))); }

Expected<void> hash_files(std::vector<FileRecord>& files, const std::atomic<bool>* stop) {
  std::vector<std::optional<Error>> errors(files.size());
  stats::parallel_for(files.size(), [&](std::size_t i) {
    if (!files[i].sha256.empty() || (stop != nullptr && *stop)) return;
    auto hashed = hash_file(files[i].path);
    if (!hashed) {
      errors[i] = hashed.error();
      return;
    }
    files[i].sha256 = std::move(hashed->sha256);
    files[i].bytes = hashed->bytes;
  });
  for (auto& error : errors) {
    if (error) return tl::unexpected(std::move(*error));
  }
  return {};
}

}  // namespace pastonly::input

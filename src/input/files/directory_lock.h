#pragma once

#include <filesystem>

#include "pastonly/error.h"

namespace pastonly::input {

/// Holds a directory against other processes for as long as it lives, by its file `lock`.
class DirectoryLock {
 public:
  /// Makes the directory where it is missing. Input errors: it cannot be made, or another process holds it.
  static Expected<DirectoryLock> take(const std::filesystem::path& directory);
  DirectoryLock(DirectoryLock&& other) noexcept;
  DirectoryLock& operator=(DirectoryLock&&) = delete;
  ~DirectoryLock();

 private:
  explicit DirectoryLock(int fd) noexcept : fd_(fd) {}
  int fd_;
};

}  // namespace pastonly::input

#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>

#include "pastonly/error.h"

namespace pastonly::input {

/// A regular file's bytes, memory-mapped and read-only. The file must not shrink while it is mapped.
class MappedFile {
 public:
  /// Missing files, directories and devices are input errors naming the path.
  static Expected<std::shared_ptr<const MappedFile>> open(const std::filesystem::path& path);
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  std::span<const std::byte> bytes() const noexcept { return {data_, size_}; }

 private:
  MappedFile(const std::byte* data, std::size_t size) noexcept : data_(data), size_(size) {}
  const std::byte* data_;
  std::size_t size_;
};

/// A small text file, whole. Larger than `limit` bytes is an input error.
Expected<std::string> read_text(const std::filesystem::path& path, std::size_t limit);

}  // namespace pastonly::input

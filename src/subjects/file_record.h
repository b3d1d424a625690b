#pragma once

#include <filesystem>
#include <system_error>

#include "pastonly/subject.h"

namespace pastonly::subjects {

/// A file as a report names it, not hashed yet. What cannot be examined has 0 bytes and fails when it is
/// opened.
inline FileRecord record_file(const std::filesystem::path& path) {
  std::error_code unreadable;
  const auto bytes = std::filesystem::file_size(path, unreadable);
  return {path.string(), unreadable ? 0 : bytes, ""};
}

}  // namespace pastonly::subjects

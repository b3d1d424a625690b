#pragma once

#include <atomic>
#include <filesystem>
#include <thread>
#include <vector>

#include "pastonly/error.h"
#include "pastonly/subject.h"

namespace pastonly::session {

/// SHA-256 of the files an audit reads, computed beside it, several files at a time. Files that are written
/// to between construction and `wait` are an input error: what was audited is not what was hashed.
class FileHashes {
 public:
  explicit FileHashes(std::vector<FileRecord> files);
  FileHashes(const FileHashes&) = delete;
  FileHashes& operator=(const FileHashes&) = delete;
  /// Stops after the files at hand.
  ~FileHashes();
  /// Waits; the records with their hashes, or the first file that could not be read.
  Expected<std::vector<FileRecord>> wait();

 private:
  void hash_all() noexcept;
  std::vector<FileRecord> files_;
  std::vector<std::filesystem::file_time_type> written_;  // of each file, at construction
  std::atomic<bool> stop_{false};
  Expected<void> result_;
  std::thread thread_;
};

}  // namespace pastonly::session

#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "input/files/directory_lock.h"
#include "pastonly/error.h"

namespace pastonly::recording {

/// What a recording is of: keys, in the order in which a difference is looked for, and what they say.
using RecordingIdentity = std::vector<std::pair<std::string, std::string>>;

/// A directory that becomes a plan directory. Until then its folder `unfinished` holds recording.json, which
/// says what is recorded (pastonly.recording/1), and the runs that are kept (kept_runs.h).
class RecordingFolder {
 public:
  /// Makes the directory, or takes up one that an unfinished recording of the same identity left. Usage
  /// errors: it holds something else, a finished recording, or one of another identity (named with the first
  /// key that differs). Input errors: it cannot be made or read, or another process works in it.
  static Expected<RecordingFolder> claim(const std::filesystem::path& directory,
                                         const RecordingIdentity& identity);

  const std::filesystem::path& directory() const noexcept { return directory_; }
  std::filesystem::path unfinished() const { return directory_ / "unfinished"; }
  /// recording.json as it stands.
  const std::string& identity() const noexcept { return identity_; }

  /// How many runs are kept.
  std::size_t runs() const;
  void forget_runs() const;
  /// Removes the folder, once plan.json is written: what remains is a plan directory.
  void close() const;

 private:
  RecordingFolder(std::filesystem::path directory, input::DirectoryLock lock)
      : directory_(std::move(directory)), lock_(std::move(lock)) {}
  Expected<void> begin(const std::string& identity);

  std::filesystem::path directory_;
  input::DirectoryLock lock_;
  std::string identity_;
};

}  // namespace pastonly::recording

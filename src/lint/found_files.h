#pragma once

#include <string>
#include <vector>

namespace pastonly::lint {

/// A file to read.
struct FoundFile {
  std::string path;
  bool named = false;  ///< by whoever asks; else found in a directory
};

struct FoundFiles {
  std::vector<FoundFile> files;      ///< of a directory in the order of their names
  std::vector<std::string> trouble;  ///< directories that could not be searched, or not to their end
};

/// Of directories: files with an ending that is ours, hidden folders and those of other programs' packages
/// left out, links not followed.
FoundFiles find_files(const std::vector<std::string>& paths);

}  // namespace pastonly::lint

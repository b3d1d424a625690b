#include "cli/file_hashes.h"

#include "input/hash.h"

namespace pastonly::cli {

FileHashes::FileHashes(std::vector<FileRecord> files)
    : files_(std::move(files)), thread_([this] { hash_all(); }) {}

FileHashes::~FileHashes() {
  stop_ = true;
  if (thread_.joinable()) thread_.join();
}

void FileHashes::hash_all() {
  for (FileRecord& file : files_) {
    if (stop_) return;
    auto hash = input::sha256_file(file.path);
    if (!hash) {
      result_ = tl::unexpected(hash.error());
      return;
    }
    file.sha256 = *std::move(hash);
  }
}

Expected<std::vector<FileRecord>> FileHashes::wait() {
  thread_.join();
  if (!result_) return tl::unexpected(result_.error());
  return files_;
}

}  // namespace pastonly::cli

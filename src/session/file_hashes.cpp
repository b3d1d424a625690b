#include "session/file_hashes.h"

#include <fmt/format.h>

#include <new>
#include <system_error>

#include "input/files/hash.h"

namespace pastonly::session {
namespace {

std::vector<std::filesystem::file_time_type> last_written(const std::vector<FileRecord>& files) {
  std::vector<std::filesystem::file_time_type> out;
  out.reserve(files.size());
  std::error_code error;
  for (const FileRecord& file : files) out.push_back(std::filesystem::last_write_time(file.path, error));
  return out;
}

}  // namespace

FileHashes::FileHashes(std::vector<FileRecord> files)
    : files_(std::move(files)), written_(last_written(files_)) {
  try {
    thread_ = std::thread([this] { hash_all(); });
  } catch (const std::system_error&) {  // no thread to be had: whoever waits hashes
  }
}

FileHashes::~FileHashes() {
  stop_ = true;
  if (thread_.joinable()) thread_.join();
}

void FileHashes::hash_all() noexcept {
  try {
    result_ = input::hash_files(files_, &stop_);
  } catch (const std::bad_alloc&) {  // nothing may leave a thread
    result_ = tl::unexpected(Error{Error::Kind::input, {}});
  }
}

Expected<std::vector<FileRecord>> FileHashes::wait() {
  thread_.joinable() ? thread_.join() : hash_all();
  if (!result_ && result_.error().message.empty())
    return input_error("not enough memory to hash the files that were audited");
  if (!result_) return tl::unexpected(result_.error());
  const auto written = last_written(files_);
  for (std::size_t i = 0; i < files_.size(); ++i) {
    if (written[i] != written_[i])
      return input_error(fmt::format("{}: changed during the audit; run it again", files_[i].path));
  }
  return files_;
}

}  // namespace pastonly::session

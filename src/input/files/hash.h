#pragma once

#include <atomic>
#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pastonly/error.h"
#include "pastonly/subject.h"

namespace pastonly::input {

/// SHA-256 of a file's bytes, lower-case hex.
Expected<std::string> sha256_file(const std::filesystem::path& path);
std::string sha256_text(std::string_view text);
std::string sha256_bytes(std::span<const std::byte> bytes);

/// Fills in sha256 and bytes of every record that has no hash yet, several files at a time; the first that
/// cannot be read is the error. Once `stop` is set, no other file is begun.
Expected<void> hash_files(std::vector<FileRecord>& files, const std::atomic<bool>* stop = nullptr);

}  // namespace pastonly::input

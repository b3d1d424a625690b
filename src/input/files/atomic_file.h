#pragma once

#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "pastonly/error.h"

namespace pastonly::input {

/// Writes the parts one after the other to a file beside `path` and renames it: a reader sees the old
/// file or the whole new one. On failure nothing is left behind.
Expected<void> write_atomically(const std::filesystem::path& path,
                                std::span<const std::span<const std::byte>> parts);
Expected<void> write_atomically(const std::filesystem::path& path, std::string_view text);
/// A new file beside `path`, under a name that nothing has and of which no symbolic link is followed, to be
/// renamed to `path` once it is whole. Null with errno set where there can be none.
struct AsideFile {
  std::string path;
  std::FILE* file = nullptr;
};
AsideFile open_aside(const std::filesystem::path& path);
/// Removes what writers that were killed left beside their files in a directory. No other may be at work
/// there.
void remove_left_aside(const std::filesystem::path& directory);

}  // namespace pastonly::input

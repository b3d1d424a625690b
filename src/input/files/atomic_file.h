#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string_view>

#include "pastonly/error.h"

namespace pastonly::input {

/// Writes the parts one after the other to a file beside `path` and renames it: a reader sees the old
/// file or the whole new one. On failure nothing is left behind.
Expected<void> write_atomically(const std::filesystem::path& path,
                                std::span<const std::span<const std::byte>> parts);
Expected<void> write_atomically(const std::filesystem::path& path, std::string_view text);
/// Removes what writers that were killed left beside their files in a directory. No other may be at work
/// there.
void remove_left_aside(const std::filesystem::path& directory);

}  // namespace pastonly::input

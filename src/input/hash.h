#pragma once

#include <filesystem>
#include <string>

#include "pastonly/error.h"

namespace pastonly::input {

/// SHA-256 of a file's bytes, lower-case hex.
Expected<std::string> sha256_file(const std::filesystem::path& path);
std::string sha256_text(std::string_view text);

}  // namespace pastonly::input

#pragma once

#include <filesystem>
#include <optional>
#include <string_view>

#include "lint/document.h"
#include "lint/framework.h"
#include "pastonly/error.h"

namespace pastonly::lint {

/// What a file larger than this is, is no configuration; logs may be larger.
inline constexpr std::size_t most_bytes = 4 << 20;
inline constexpr std::size_t most_log_bytes = 64 << 20;

/// By its ending; nothing for endings that are none of ours.
std::optional<Syntax> syntax_of(const std::filesystem::path& path);
/// By its first bytes, for files that are named without such an ending.
std::optional<Syntax> syntax_of_text(std::string_view text);

/// Input errors name the line and what was expected, not the file.
Expected<Document> read_document(std::string_view text, Syntax syntax);

}  // namespace pastonly::lint

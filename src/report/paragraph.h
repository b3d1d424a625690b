#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace pastonly::report {

// All of these pass text through input::printable: what is printed cannot act on a terminal.

/// Columns that UTF-8 text takes on a terminal, one per code point.
std::size_t columns(std::string_view text) noexcept;
/// Text padded with spaces to that many columns; never cut.
std::string padded(std::string_view text, std::size_t width);
/// At most that many columns; a cut ends in "…".
std::string shortened(std::string_view text, std::size_t width);
/// Words broken into lines of `width` columns, each starting with `indent` spaces; the first line
/// follows text that already fills the indent. No newline at the end.
std::string wrapped(std::string_view text, std::size_t indent, std::size_t width);

/// Lines under a table that say what its columns are.
std::string table_note(std::string_view text, std::size_t width);

/// ANSI attributes that reports use.
enum class Ink { red, green, yellow, bold, dim };
std::string inked(std::string_view text, Ink ink, bool color);

}  // namespace pastonly::report

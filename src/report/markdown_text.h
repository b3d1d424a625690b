#pragma once

#include <string>
#include <string_view>

namespace pastonly::report {

/// Text for one line of Markdown (CommonMark with tables), whatever its bytes: nothing in it is taken for
/// markup, HTML, a link or a cell's end.
std::string markdown_text(std::string_view text);
/// The same as code in backticks.
std::string markdown_code(std::string_view text);

}  // namespace pastonly::report

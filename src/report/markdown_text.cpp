#include "report/markdown_text.h"

#include "input/text/printable.h"

namespace pastonly::report {

std::string markdown_text(std::string_view text) {
  constexpr std::string_view marks = "\\`*_[]#|~$";
  constexpr std::string_view at_start = "-+=>";  // lists, rules, headings
  std::string out;
  char before = '\0';
  for (const char c : input::printable(text)) {
    const bool link = (c == '/' && before == ':') || (c == '.' && before == 'w');  // "https://", "www."
    if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '&') {
      out += "&amp;";
    } else {
      const bool escaped = marks.find(c) != std::string_view::npos || link ||
                           (before == '\0' && at_start.find(c) != std::string_view::npos);
      if (escaped) out += '\\';
      out += c;
    }
    before = c;
  }
  return out;
}

std::string markdown_code(std::string_view text) {
  // A backtick ends code and a bar ends a cell even within code: look-alikes stand for them.
  std::string out = "`";
  for (const char c : input::printable(text)) {
    if (c == '`')
      out += '\'';
    else if (c == '|')
      out += "¦";
    else
      out += c;
  }
  return out == "`" ? "" : out + "`";
}

}  // namespace pastonly::report

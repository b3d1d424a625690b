#include "report/markdown_text.h"

#include "input/text/printable.h"

namespace pastonly::report {

std::string markdown_text(std::string_view text) {
  constexpr std::string_view marks = "\\`*_{}[]()#+!|~$^=";
  std::string out;
  char before = ' ';
  for (const char c : input::printable(text)) {
    if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '&') {
      out += "&amp;";
    } else if (c == '@') {
      out += "&#64;";
    } else if (marks.find(c) != std::string_view::npos || (c == '/' && before == ':') ||
               (c == '.' && before == 'w')) {  // no link out of "https://" and "www."
      out += '\\';
      out += c;
    } else {
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

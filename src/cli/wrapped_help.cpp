#include "cli/wrapped_help.h"

#include <CLI/App.hpp>
#include <algorithm>
#include <string_view>
#include <utility>

#include "report/paragraph.h"

namespace pastonly::cli {
namespace {

constexpr std::size_t widest = 100;

/// Where the words after the first gap of two spaces begin, beyond the indent; the indent where there is
/// none.
std::size_t hanging_indent(std::string_view line) {
  const std::size_t first = line.find_first_not_of(' ');
  const std::size_t gap = line.find("  ", first);
  if (gap == std::string_view::npos) return first;
  return line.find_first_not_of(' ', gap);
}

}  // namespace

std::string WrappedHelp::make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const {
  const std::string help = CLI::Formatter::make_help(app, std::move(name), mode);
  std::string out;
  for (std::string_view rest = help; !rest.empty();) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (report::columns(line) <= widest) {
      out += line;
    } else {
      const std::size_t indent = hanging_indent(line);
      out += std::string(line.substr(0, indent)) + report::wrapped(line.substr(indent), indent, widest);
    }
    out += '\n';
  }
  return out;
}

}  // namespace pastonly::cli

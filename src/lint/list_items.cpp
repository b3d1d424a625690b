#include "lint/list_items.h"

#include <algorithm>

#include "lint/readers.h"

namespace pastonly::lint {
namespace {

/// As a word of a command line. What is in double quotes may still be computed: "$(CAPACITY)".
std::string as_word(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\' || c == '`') out += '\\';
    out += c;
  }
  return out + "\" ";
}

}  // namespace

void ListItems::add(std::string_view value, std::uint64_t line) {
  items_.push_back({std::string(value), line});
  options_ = options_ || holds_options(value);
}

void ListItems::close(Document& document, std::size_t block, std::string_view key, std::uint64_t line) const {
  constexpr std::size_t longest = 1000;
  constexpr std::uint64_t most_lines_between = 10'000;
  std::string text;
  const std::uint64_t first = items_.empty() ? line : items_.front().line;
  std::uint64_t reached = first;
  for (const Item& item : items_) {
    if (!options_) {
      if (text.size() < longest) text += (text.empty() ? "" : ",") + item.text;
      continue;
    }
    // A word of the command line stands in the line of its item; not so far that lists within lists multiply.
    const std::uint64_t lines = std::min(item.line - std::min(item.line, reached), most_lines_between);
    for (std::uint64_t i = 0; i < lines; ++i) text += "\\\n";
    reached += lines;
    text += as_word(item.text);
    reached += static_cast<std::uint64_t>(std::ranges::count(item.text, '\n'));
  }
  if (options_)
    add_command_line(document, block, text, first);
  else if (!text.empty() && !key.empty() && key != "<<")
    document.add(block, key, text, line);
}

}  // namespace pastonly::lint

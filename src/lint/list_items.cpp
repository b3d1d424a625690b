#include "lint/list_items.h"

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

void ListItems::add(std::string_view value) {
  items_.emplace_back(value);
  options_ = options_ || holds_options(value);
}

void ListItems::close(Document& document, std::size_t block, std::string_view key, std::uint64_t line) const {
  constexpr std::size_t longest = 1000;
  std::string text;
  for (const std::string& item : items_) {
    if (options_)
      text += as_word(item);
    else if (text.size() < longest)
      text += (text.empty() ? "" : ",") + item;
  }
  if (options_)
    add_command_line(document, block, text, line);
  else if (!text.empty() && !key.empty() && key != "<<")
    document.add(block, key, text, line);
}

}  // namespace pastonly::lint

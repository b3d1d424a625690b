#include <algorithm>
#include <string>

#include "lint/readers.h"

namespace pastonly::lint {
namespace {

bool in_key(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/// "[rank 0] moe_router_topk ................ 2": what print_args of Megatron-LM prints.
bool dotted(Document& document, std::string_view line, std::uint64_t number) {
  const std::size_t dots = line.find(" ...");
  if (dots == std::string_view::npos || dots == 0) return false;
  std::size_t first = dots;
  while (first > 0 && in_key(line[first - 1])) --first;
  std::size_t value = dots + 1;
  while (value < line.size() && line[value] == '.') ++value;
  if (first == dots || value >= line.size() || line[value] != ' ') return false;
  std::string text(line.substr(value + 1, 1000));
  while (!text.empty() && (text.back() == '\r' || text.back() == ' ')) text.pop_back();
  if (text == "None") text.clear();
  // Lists as Python prints them.
  if (text.size() > 1 && text.front() == '[' && text.back() == ']') {
    text = text.substr(1, text.size() - 2);
    std::erase_if(text, [](char c) { return c == '\'' || c == '"' || c == ' '; });
  }
  document.add(0, line.substr(first, dots - first), text, number);
  return true;
}

}  // namespace

Expected<Document> read_log(std::string_view text) {
  constexpr std::size_t longest = 1 << 20;  // bytes of a line that is read as Python
  Document document;
  std::uint64_t number = 1;
  for (std::size_t at = 0; at < text.size() && !document.full(); ++number) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = text.substr(at, end - at);
    at = end + 1;
    if (dotted(document, line, number) || line.size() > longest) continue;
    for (const std::string_view call : {"Namespace(", "TransformerConfig("}) {
      if (const auto found = line.find(call); found != std::string_view::npos) {
        add_python(document, line.substr(found), number);
        break;
      }
    }
  }
  return document;
}

}  // namespace pastonly::lint

#define TOML_EXCEPTIONS 0
#define TOML_HEADER_ONLY 1
#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <string>

#include "lint/readers.h"

namespace pastonly::lint {
namespace {

std::uint64_t line_of(const toml::source_region& source) { return source.begin.line; }

/// "" for what is no scalar.
std::string scalar_of(const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* flag = node.as_boolean()) return flag->get() ? "true" : "false";
  if (const auto* whole = node.as_integer()) return std::to_string(whole->get());
  if (const auto* real = node.as_floating_point()) return fmt::format("{}", real->get());
  return "";
}

void add_table(Document& document, std::size_t block, const toml::table& table);

void add_node(Document& document, std::size_t block, const toml::key& key, const toml::node& node) {
  const std::uint64_t line = line_of(key.source());
  if (const auto* inner = node.as_table()) {
    add_table(document, document.open(block, key.str(), line), *inner);
    return;
  }
  const auto* array = node.as_array();
  if (array == nullptr) {
    document.add(block, key.str(), scalar_of(node), line);
    return;
  }
  std::string values;
  for (const toml::node& element : *array) {
    if (const auto* inner = element.as_table())
      add_table(document, document.open(block, key.str(), line_of(element.source())), *inner);
    else
      values += (values.empty() ? "" : ",") + scalar_of(element);
  }
  if (!values.empty()) document.add(block, key.str(), values, line);
}

// The parser bounds how deep tables nest.
void add_table(Document& document, std::size_t block, const toml::table& table) {
  for (const auto& [key, node] : table) add_node(document, block, key, node);
}

/// Names in the longest dotted key. The parser bounds how deep values nest, and not how deep keys do; tables
/// are taken down one inside the other.
std::size_t longest_dotted(std::string_view text) {
  std::size_t most = 0, dots = 0;
  bool begins = true, comment = false;  // a line; a line of nothing else
  for (const char c : text) {
    if (begins && c == '#') comment = true;
    begins = c == '\n' || (begins && (c == ' ' || c == '\t'));
    if (c == '\n') comment = false;
    const bool ends = c == '\n' || c == '=' || c == ',' || c == '[' || c == ']' || c == '{' || c == '}';
    dots = ends || comment ? 0 : dots + (c == '.' ? 1 : 0);
    most = std::max(most, dots);
  }
  return most;
}

}  // namespace

Expected<Document> read_toml(std::string_view text) {
  constexpr std::size_t most_dots = 256;
  if (longest_dotted(text) > most_dots)
    return input_error(fmt::format("a key of more than {} parts (TOML)", most_dots));
  const toml::parse_result parsed = toml::parse(text);
  if (!parsed)
    return input_error(
        fmt::format("line {}: {} (TOML)", parsed.error().source().begin.line, parsed.error().description()));
  Document document;
  add_table(document, 0, parsed.table());
  return document;
}

}  // namespace pastonly::lint

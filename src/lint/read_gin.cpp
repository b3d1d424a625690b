#include <algorithm>
#include <map>
#include <string>

#include "lint/readers.h"

namespace pastonly::lint {
namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r'))
    text.remove_suffix(1);
  return text;
}

/// Outside quotes.
std::string_view without_comment(std::string_view line) {
  char quote = '\0';
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (quote != '\0') {
      if (line[i] == quote) quote = '\0';
    } else if (line[i] == '\'' || line[i] == '"') {
      quote = line[i];
    } else if (line[i] == '#') {
      return line.substr(0, i);
    }
  }
  return line;
}

/// "scope/module.Class" -> "scope/Class": the scope says what it is for.
std::string short_name(std::string_view name) {
  const auto slash = name.rfind('/');
  const std::string scope(slash == std::string_view::npos ? "" : name.substr(0, slash + 1));
  std::string_view rest = slash == std::string_view::npos ? name : name.substr(slash + 1);
  if (const auto dot = rest.rfind('.'); dot != std::string_view::npos) rest.remove_prefix(dot + 1);
  return scope + std::string(rest);
}

class GinReader {
 public:
  explicit GinReader(Document& document) : document_(document) {}

  void line(std::string_view raw, std::uint64_t number) {
    const bool indented = !raw.empty() && (raw.front() == ' ' || raw.front() == '\t');
    const std::string_view text = trimmed(without_comment(raw));
    if (text.empty()) return;
    const auto equals = text.find('=');
    if (equals == std::string_view::npos) {
      if (text.back() == ':') block_ = block_named(short_name(text.substr(0, text.size() - 1)), number);
      return;
    }
    const std::string_view key = trimmed(text.substr(0, equals)), value = trimmed(text.substr(equals + 1));
    if (indented) return add(block_, key, value, number);
    block_ = 0;
    const auto dot = key.rfind('.');
    if (dot == std::string_view::npos) return add(0, key, value, number);
    add(block_named(short_name(key.substr(0, dot)), number), key.substr(dot + 1), value, number);
  }

 private:
  std::size_t block_named(const std::string& name, std::uint64_t number) {
    const auto found = blocks_.find(name);
    if (found != blocks_.end()) return found->second;
    const std::size_t made = document_.open(0, "", number);
    if (made != 0) document_.blocks[made].name = name;
    return blocks_[name] = made;
  }

  void add(std::size_t block, std::string_view key, std::string_view value, std::uint64_t number) {
    std::string text(value.substr(0, 1000));
    bool known = true;
    if (text.size() >= 2 && (text.front() == '\'' || text.front() == '"')) {
      text = text.substr(1, text.size() - 2);
    } else if (!text.empty() && text.front() == '@') {
      if (text.size() > 2 && text.substr(text.size() - 2) == "()") text.resize(text.size() - 2);
      text = short_name(std::string_view(text).substr(1));
    } else if (!text.empty() && text.front() == '%') {
      const Entry* macro = document_.own(0, normalised_key(text.substr(1)));
      known = macro != nullptr && macro->known;
      text = macro != nullptr ? macro->value : text;
    } else if (text == "None") {
      text.clear();
    }
    document_.add(block, key, std::move(text), number, known);
  }

  Document& document_;
  std::map<std::string, std::size_t> blocks_;
  std::size_t block_ = 0;
};

}  // namespace

Expected<Document> read_gin(std::string_view text) {
  Document document;
  GinReader reader(document);
  std::uint64_t number = 1;
  for (std::size_t at = 0; at < text.size() && !document.full(); ++number) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    reader.line(text.substr(at, end - at), number);
    at = end + 1;
  }
  return document;
}

}  // namespace pastonly::lint

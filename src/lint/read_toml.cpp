#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "lint/readers.h"

namespace pastonly::lint {
namespace {

/// TOML as far as configurations use it, without a library: toml++ 3.3 overflows the stack on long dotted
/// keys and runs into its own assertions on malformed ones.
class TomlReader {
 public:
  TomlReader(Document& document, std::string_view text) : document_(document), text_(text) {}

  /// "" or what is wrong.
  std::string read() {
    while (!document_.full()) {
      skip_blank();
      if (at_ >= text_.size()) break;
      begin_ = line_;
      const bool good = text_[at_] == '[' ? header() : pair(block_, "\n");
      if (!good) return fmt::format("line {}: expected {}", begin_, expected_);
    }
    return "";
  }

 private:
  bool fail(const char* expected) {
    expected_ = expected;
    return false;
  }
  char here() const { return at_ < text_.size() ? text_[at_] : '\n'; }
  void step() {
    if (here() == '\n') ++line_;
    ++at_;
  }
  void skip_spaces() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\r')) ++at_;
  }
  void skip_comment() {
    while (at_ < text_.size() && text_[at_] != '\n') ++at_;
  }
  /// Spaces, line ends and comments.
  void skip_blank() {
    while (at_ < text_.size()) {
      skip_spaces();
      if (here() == '#') skip_comment();
      if (at_ >= text_.size() || text_[at_] != '\n') return;
      step();
    }
  }

  /// "[a.b]" and "[[a.b]]" begin a table of their own.
  bool header() {
    const std::size_t end = std::min(text_.find('\n', at_), text_.size());
    const std::string_view line = text_.substr(at_, end - at_);
    const std::size_t first = line.find_first_not_of("[ \t"), last = line.find(']');
    if (first == std::string_view::npos || last == std::string_view::npos || last <= first)
      return fail("[table]");
    block_ = document_.open(0, unquoted(line.substr(first, last - first)), line_);
    at_ = end;
    return true;
  }

  static std::string_view unquoted(std::string_view name) {
    while (!name.empty() &&
           (name.back() == ' ' || name.back() == '\t' || name.back() == '"' || name.back() == '\''))
      name.remove_suffix(1);
    while (!name.empty() &&
           (name.front() == ' ' || name.front() == '\t' || name.front() == '"' || name.front() == '\''))
      name.remove_prefix(1);
    return name;
  }

  /// "key = value", of which the value ends before one of `ends`.
  bool pair(std::size_t block, std::string_view ends) {
    const std::size_t first = at_;
    char quote = '\0';  // a quoted key may hold anything
    for (; at_ < text_.size() && here() != '\n' && (quote != '\0' || here() != '='); ++at_) {
      if (quote == '\0' && (here() == '"' || here() == '\''))
        quote = here();
      else if (here() == quote)
        quote = '\0';
    }
    if (here() != '=') return fail("key = value");
    const std::string_view key = unquoted(text_.substr(first, at_ - first));
    if (text_.substr(first, at_ - first).find_first_not_of(" \t") == std::string_view::npos)
      return fail("a key before '='");
    const std::uint64_t line = line_;
    ++at_;
    skip_spaces();
    if (here() == '{') return inline_table(block, key);
    std::string value;
    const bool good = here() == '[' ? list(value) : scalar(value, ends);
    if (good) document_.add(block, key, std::move(value), line);
    return good;
  }

  /// Tables inside inline tables are not looked at.
  bool inline_table(std::size_t block, std::string_view key) {
    const std::size_t inner = document_.open(block, key, line_);
    ++at_;
    while (at_ < text_.size()) {
      skip_blank();
      if (here() == '}') return ++at_, true;
      if (here() == ',') {
        ++at_;
        continue;
      }
      if (depth_ > 0) return fail("an inline table without another inside");
      ++depth_;
      const bool good = pair(inner, ",}\n");
      --depth_;
      if (!good) return false;
    }
    return fail("'}'");
  }

  /// Elements joined by ','; what stands in lists and tables inside it is left out.
  bool list(std::string& value) {
    std::size_t depth = 0;
    while (at_ < text_.size()) {
      skip_blank();
      const char c = here();
      if (c == '[' || c == '{') {
        ++depth;
        ++at_;
      } else if (c == ']' || c == '}') {
        --depth;
        ++at_;
        if (depth == 0) return true;
      } else if (c == ',' || c == '=') {
        ++at_;
      } else if (at_ < text_.size()) {
        std::string one;
        if (!scalar(one, ",]}=\n")) return false;
        constexpr std::size_t longest = 1000;
        if (depth == 1 && value.size() < longest) value += (value.empty() ? "" : ",") + one;
      }
    }
    return fail("']': a list that is not closed");
  }

  bool scalar(std::string& value, std::string_view ends) {
    const char quote = here();
    if (quote == '"' || quote == '\'') return quoted(value, quote);
    const std::size_t first = at_;
    while (at_ < text_.size() && here() != '#' && ends.find(here()) == std::string_view::npos &&
           here() != '\n')
      ++at_;
    std::string_view word = text_.substr(first, at_ - first);
    while (!word.empty() && (word.back() == ' ' || word.back() == '\t' || word.back() == '\r'))
      word.remove_suffix(1);
    value = word;
    return word.empty() ? fail("a value") : true;
  }

  bool quoted(std::string& value, char quote) {
    const bool many = text_.substr(at_, 3) == std::string(3, quote);
    at_ += many ? 3 : 1;
    while (at_ < text_.size()) {
      if (here() == quote && (!many || text_.substr(at_, 3) == std::string(3, quote))) {
        at_ += many ? 3 : 1;
        return true;
      }
      if (here() == '\n' && !many) break;
      if (here() == '\\' && quote == '"' && at_ + 1 < text_.size()) ++at_;
      value += here();
      step();
    }
    return fail("the end of a string");
  }

  Document& document_;
  std::string_view text_;
  std::size_t at_ = 0, block_ = 0;
  std::uint64_t line_ = 1, begin_ = 1;
  int depth_ = 0;
  const char* expected_ = "";
};

}  // namespace

Expected<Document> read_toml(std::string_view text) {
  Document document;
  if (const std::string wrong = TomlReader(document, text).read(); !wrong.empty())
    return input_error(wrong + " (TOML)");
  return document;
}

}  // namespace pastonly::lint

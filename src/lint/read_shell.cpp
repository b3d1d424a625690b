#include <string>
#include <utility>
#include <vector>

#include "lint/readers.h"
#include "lint/shell_words.h"

namespace pastonly::lint {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

/// Length of "name" in "name=value" or "name+=value", of which names with dots are keys of overrides; 0 for
/// none.
std::size_t name_before_equals(std::string_view text) {
  std::size_t first = 0;
  while (first < text.size() && text[first] == '+') ++first;
  std::size_t end = first;
  while (end < text.size() &&
         (is_letter(text[end]) ||
          (end > first && (text[end] == '.' || text[end] == '-' || (text[end] >= '0' && text[end] <= '9')))))
    ++end;
  if (end == first) return 0;
  const bool equals = end < text.size() && text[end] == '=';
  const bool adds = end + 1 < text.size() && text[end] == '+' && text[end + 1] == '=';
  return equals || adds ? end : 0;
}

/// What an option gathers until the next one.
class Options {
 public:
  Options(Document& document, std::size_t block) : document_(document), block_(block) {}
  ~Options() { close(); }
  Options(const Options&) = delete;
  Options& operator=(const Options&) = delete;

  void open(const Word& word) {
    close();
    const auto equals = word.text.find('=');
    key_ = word.text.substr(0, equals);
    line_ = word.line;
    known_ = word.known;
    if (equals == std::string::npos) return;
    values_ = word.text.substr(equals + 1);
    has_value_ = true;
    close();
  }
  void in_branch(std::uint32_t branch) { branch_ = branch; }
  bool takes_value() const { return !key_.empty(); }
  void value(const Word& word) {
    constexpr std::size_t longest = 1000;
    if (values_.size() < longest) values_ += (has_value_ ? "," : "") + word.text;
    has_value_ = true;
    known_ = known_ && word.known;
  }
  void close() {
    // A switch is on where it stands.
    if (!key_.empty()) add(key_, has_value_ ? values_ : "true", line_, known_);
    key_.clear();
    values_.clear();
    has_value_ = false;
  }

  void add(std::string_view key, std::string value, std::uint64_t line, bool known) {
    Entry* entry = document_.add(block_, key, std::move(value), line, known);
    if (entry != nullptr) entry->branch = branch_;
  }

 private:
  Document& document_;
  std::size_t block_;
  std::uint32_t branch_ = 0;
  std::string key_, values_;
  std::uint64_t line_ = 1;
  bool known_ = true, has_value_ = false;
};

bool is_option(std::string_view text) {
  return text.size() > 2 && text.substr(0, 2) == "--" && is_letter(text[2]);
}

void add_words(Document& document, std::size_t block, std::string_view text, std::uint64_t line, int depth,
               std::uint32_t outer) {
  constexpr int most_nested = 4;
  ShellWords words(text, line);
  Variables variables;
  Options options(document, block);
  Word word;
  std::uint32_t last = outer;
  std::vector<std::uint32_t> branches{outer};  // the open ones
  options.in_branch(outer);
  while (!document.full() && words.next(variables, word)) {
    if (word.begins) {
      options.close();
      if (word.text == "if" || word.text == "case") branches.push_back(++last);
      if ((word.text == "elif" || word.text == "else") && branches.size() > 1) branches.back() = ++last;
      if ((word.text == "fi" || word.text == "esac") && branches.size() > 1) branches.pop_back();
      options.in_branch(branches.back());
    }
    const std::size_t name = name_before_equals(word.text);
    // A string of options, in a variable or in quotes.
    const bool many = word.text.find_first_of(" \n") != std::string::npos && holds_options(word.text);
    if (word.begins && name > 0) {
      const std::string value = word.text.substr(word.text.find('=') + 1);
      variables[word.text.substr(0, name)] = {value, word.known};
      if (depth < most_nested && holds_options(value))
        add_words(document, block, value, word.line, depth + 1, branches.back());
    } else if (many) {
      options.close();
      if (depth < most_nested) add_words(document, block, word.text, word.line, depth + 1, branches.back());
    } else if (is_option(word.text)) {
      options.open(word);
    } else if (name > 0) {
      options.close();
      options.add(word.text.substr(0, name), word.text.substr(word.text.find('=') + 1), word.line,
                  word.known);
    } else if (word.text.size() > 1 && word.text[0] == '-' && is_letter(word.text[1])) {
      options.close();
    } else if (options.takes_value()) {
      options.value(word);
    }
  }
}

}  // namespace

bool holds_options(std::string_view text) {
  for (std::size_t at = text.find("--"); at != std::string_view::npos; at = text.find("--", at + 2)) {
    const bool first = at == 0 || text[at - 1] == ' ' || text[at - 1] == '\n' || text[at - 1] == '\t' ||
                       text[at - 1] == '\'';
    if (first && at + 2 < text.size() && is_letter(text[at + 2])) return true;
  }
  return false;
}

void add_command_line(Document& document, std::size_t block, std::string_view text, std::uint64_t line) {
  add_words(document, block, text, line, 0, 0);
}

Expected<Document> read_shell(std::string_view text) {
  Document document;
  add_words(document, 0, text, 1, 0, 0);
  return document;
}

}  // namespace pastonly::lint

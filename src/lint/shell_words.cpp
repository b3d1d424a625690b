#include "lint/shell_words.h"

#include <algorithm>

#include "lint/readers.h"

namespace pastonly::lint {
namespace {

constexpr std::size_t longest_word = 1 << 16;  // bytes; variables may repeat each other

bool is_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}
bool ends_word(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == ';' || c == '|' || c == '&' || c == '(' ||
         c == ')' || c == '<' || c == '>';
}

/// Names after '$' in text that is not replaced.
void add_uses(std::string_view text, Word& word) {
  for (std::size_t at = text.find('$'); at != std::string_view::npos; at = text.find('$', at + 1)) {
    std::size_t first = at + 1;
    if (text.substr(at, 3) == "${!") word.uses.emplace_back("!");  // a name that is computed
    while (first < text.size() && (text[first] == '{' || text[first] == '!' || text[first] == '#')) ++first;
    std::size_t end = first;
    while (end < text.size() && is_name(text[end])) ++end;
    if (end > first) word.uses.emplace_back(text.substr(first, end - first));
  }
}

}  // namespace

bool ShellWords::only_prints() const {
  constexpr std::size_t farthest = 2000;  // bytes
  char quote = '\0';
  for (std::size_t i = at_; i < text_.size(); ++i) {
    if (i - at_ > farthest) return false;
    const char c = text_[i];
    if (c == '\\' && quote != '\'') {
      ++i;
    } else if (quote != '\0') {
      if (c == quote) quote = '\0';
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (c == '\n' || c == ';' || c == ')' || (c == '&' && text_[i - 1] != '>')) {
      return true;
    } else if (c == '|') {
      return i + 1 < text_.size() && text_[i + 1] == '|';
    } else if (c == '>' && text_[i - 1] != '2' && text_.substr(i + 1, 1) != "&") {
      const auto file = text_.find_first_not_of(" >", i);
      if (file == std::string_view::npos || text_.substr(file, 5) != "/dev/") return false;
    }
  }
  return true;
}

/// At "<<".
void ShellWords::here_document() {
  at_ += 2;
  const bool tabs = at() == '-';
  if (tabs) ++at_;
  while (at() == ' ' || at() == '\t') ++at_;
  std::string delimiter;
  while (!ended() && !ends_word(at())) {
    if (at() != '\'' && at() != '"' && at() != '\\') delimiter += at();
    ++at_;
  }
  if (leave_out_) delimiter_ = delimiter;
}

/// At '\n'; the text of a here-document that is left out goes with it.
void ShellWords::line_end() {
  ++line_;
  ++at_;
  while (!delimiter_.empty() && !ended()) {
    const std::size_t end = std::min(text_.find('\n', at_), text_.size());
    std::string_view row = text_.substr(at_, end - at_);
    while (!row.empty() && row.front() == '\t') row.remove_prefix(1);
    while (!row.empty() && row.back() == '\r') row.remove_suffix(1);
    if (row == delimiter_) delimiter_.clear();
    if (end < text_.size()) ++line_;
    at_ = std::min(end + 1, text_.size());
  }
}

void ShellWords::take(Word& word) {
  if (at() == '\n') ++line_;
  if (word.text.size() < longest_word) word.text += at();
  ++at_;
}

bool ShellWords::skip_to_word() {
  while (!ended()) {
    const char c = at();
    if (c == '\\' && (at(1) == '\n' || (at(1) == '\r' && at(2) == '\n'))) {
      at_ += at(1) == '\n' ? 2 : 3;
      ++line_;
    } else if (c == '#') {
      while (!ended() && at() != '\n') ++at_;
    } else if (!ends_word(c)) {
      return true;
    } else if (c == '<' && at(1) == '<' && at(2) != '<') {
      here_document();
    } else {
      if (c == '(' && !in_array_) ++subshells_;
      if (c == ')' && !in_array_ && subshells_ > 0) --subshells_;
      if (c == ')') in_array_ = false;
      if (c != ' ' && c != '\t' && c != '\r') begins_ = !in_array_;
      if ((c == '&' || c == '|') && at(1) == c) conditional_ = operator_ = true;
      if ((c == '\n' || c == ';') && !operator_) conditional_ = false;
      if (c == '\n')
        line_end();
      else
        ++at_;
    }
  }
  return false;
}

/// "$(...)" and "`...`": computed.
void ShellWords::command_substitution(Word& word, char open, char close) {
  word.known = false;
  int depth = 0;
  const std::size_t first = at_;
  do {
    const char c = at();
    if (c == open) ++depth;
    if (c == close) --depth;
    take(word);
  } while (!ended() && depth > 0);
  add_uses(text_.substr(first, at_ - first), word);
}

/// At '$'.
void ShellWords::variable(const Variables& variables, Word& word) {
  const std::size_t first = at_;
  ++at_;
  if (at() == '(') {
    word.text += '$';
    return command_substitution(word, '(', ')');
  }
  const bool braces = at() == '{';
  if (braces) ++at_;
  const std::size_t name_at = at_;
  while (is_name(at())) ++at_;
  const std::string_view name = text_.substr(name_at, at_ - name_at);
  std::string_view otherwise;
  bool has_default = false;
  bool plain = true;
  if (braces) {
    const std::size_t rest = at_;
    int depth = 1;
    while (!ended() && at() != '\n') {
      if (at() == '{') ++depth;
      if (at() == '}' && --depth == 0) break;
      ++at_;
    }
    std::string_view inside = text_.substr(rest, at_ - rest);
    if (at() == '}') ++at_;
    has_default = inside.substr(0, 2) == ":-" || inside.substr(0, 2) == ":=" || inside.substr(0, 1) == "-";
    otherwise = has_default ? inside.substr(inside.front() == '-' ? 1 : 2) : inside;
    plain = inside.empty() || has_default || inside == "[@]" || inside == "[*]";
  }
  add_uses(text_.substr(first, at_ - first), word);
  const auto found = variables.find(name);
  if (plain && found != variables.end()) {
    // Options were read where the variable was assigned.
    if (holds_options(found->second.text)) return;
    if (word.text.size() + found->second.text.size() < longest_word) word.text += found->second.text;
    word.known = word.known && found->second.known;
  } else if (has_default && otherwise.find('$') == std::string_view::npos) {
    word.text += otherwise;
  } else {
    word.text += text_.substr(first, at_ - first);
    word.known = false;
  }
}

/// What a command prints is not known.
void ShellWords::backquoted(Word& word) {
  ++at_;
  word.known = false;
  while (!ended() && at() != '`') take(word);
  if (!ended()) ++at_;
}

/// At the opening quote.
void ShellWords::double_quoted(const Variables& variables, Word& word) {
  ++at_;
  while (!ended() && at() != '"') {
    if (at() == '\\' && at(1) == '\n') {
      // Words on both sides stay apart, and lines are counted.
      if (word.text.size() < longest_word) word.text += '\n';
      ++line_;
      at_ += 2;
    } else if (at() == '\\' && at(1) != '\0') {
      ++at_;
      take(word);
    } else if (at() == '$') {
      variable(variables, word);
    } else if (at() == '`') {
      backquoted(word);
    } else {
      take(word);
    }
  }
  if (!ended()) ++at_;
}

bool ShellWords::next(const Variables& variables, Word& word) {
  if (!skip_to_word()) return false;
  word = {"", line_, true, begins_, false, conditional_ || subshells_ > 0};
  operator_ = false;
  const std::size_t first = at_;
  while (!ended() && !ends_word(at())) {
    const char c = at();
    if (c == '\\' && (at(1) == '\n' || at(1) == '\r')) break;
    if (c == '\\') {
      ++at_;
      if (!ended()) take(word);
    } else if (c == '\'') {
      ++at_;
      while (!ended() && at() != '\'') take(word);
      if (!ended()) ++at_;
    } else if (c == '"') {
      double_quoted(variables, word);
    } else if (c == '$') {
      variable(variables, word);
    } else if (c == '`') {
      backquoted(word);
    } else {
      take(word);
    }
  }
  if (at() == '(' && !word.text.empty() && word.text.back() == '=') {
    in_array_ = true;
    begins_ = false;
    ++at_;
    return true;
  }
  // Single quotes and backticks keep what they name.
  const std::string_view raw = text_.substr(first, at_ - first);
  if (raw.find_first_of("'`") != std::string_view::npos) add_uses(raw, word);
  std::size_t after = at_;
  while (after < text_.size() && (text_[after] == ' ' || text_[after] == '\t' || text_[after] == '\r'))
    ++after;
  word.ends =
      after >= text_.size() || std::string_view("\n;&|)#").find(text_[after]) != std::string_view::npos;
  // "export", "then" and the like: what follows is a command of its own.
  static constexpr std::string_view openers[] = {"export", "local", "readonly", "declare", "then",
                                                 "do",     "else",  "{",        "typeset"};
  begins_ = false;
  if (word.begins) {
    for (const std::string_view opener : openers) begins_ = begins_ || word.text == opener;
  }
  return true;
}

}  // namespace pastonly::lint

#include "lint/shell_words.h"

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

}  // namespace

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
    } else {
      if (c == '\n') ++line_;
      if (c == ')') in_array_ = false;
      if (c != ' ' && c != '\t' && c != '\r') begins_ = !in_array_;
      ++at_;
    }
  }
  return false;
}

/// "$(...)" and "`...`": computed.
void ShellWords::command_substitution(Word& word, char open, char close) {
  word.known = false;
  int depth = 0;
  do {
    const char c = at();
    if (c == open) ++depth;
    if (c == close) --depth;
    take(word);
  } while (!ended() && depth > 0);
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
      ++at_;
      word.known = false;
      while (!ended() && at() != '`') take(word);
      if (!ended()) ++at_;
    } else {
      take(word);
    }
  }
  if (!ended()) ++at_;
}

bool ShellWords::next(const Variables& variables, Word& word) {
  if (!skip_to_word()) return false;
  word = {"", line_, true, begins_};
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
      ++at_;
      word.known = false;
      while (!ended() && at() != '`') take(word);
      if (!ended()) ++at_;
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

#include "lint/python_tokens.h"

#include <string>

namespace pastonly::lint {
namespace {

bool begins_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}
bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

bool PythonTokens::dot_inside() const {
  return text_[at_] == '.' && at_ + 1 < text_.size() && begins_name(text_[at_ + 1]);
}
bool PythonTokens::exponent() const {
  const char before = text_[at_ - 1];
  return (text_[at_] == '-' || text_[at_] == '+') && (before == 'e' || before == 'E');
}

std::string_view PythonTokens::quoted() {
  const char quote = text_[at_];
  const bool triple = text_.substr(at_, 3) == std::string(3, quote);
  at_ += triple ? 3 : 1;
  const std::size_t first = at_;
  std::size_t last = text_.size();
  while (at_ < text_.size()) {
    if (text_[at_] == '\n') {
      if (!triple) {  // not closed: the line ends it
        last = at_;
        break;
      }
      ++line_;
    } else if (text_[at_] == '\\' && at_ + 1 < text_.size()) {
      ++at_;
      if (text_[at_] == '\n') ++line_;
    } else if (text_[at_] == quote && (!triple || text_.substr(at_, 3) == std::string(3, quote))) {
      last = at_;
      at_ += triple ? 3 : 1;
      break;
    }
    ++at_;
  }
  return text_.substr(first, last - first);
}

bool PythonTokens::next(Token& token) {
  while (at_ < text_.size()) {
    const char c = text_[at_];
    if (c == '#') {
      while (at_ < text_.size() && text_[at_] != '\n') ++at_;
    } else if (c == '\\' && at_ + 1 < text_.size() && text_[at_ + 1] == '\n') {
      at_ += 2;
      ++line_;
    } else if (c == ' ' || c == '\t' || c == '\r' || c == '\f') {
      ++at_;
    } else {
      break;
    }
  }
  if (at_ >= text_.size()) return false;
  const char c = text_[at_];
  const std::size_t first = at_;
  token.line = line_;
  if (c == '\n') {
    ++at_;
    ++line_;
    token.kind = TokenKind::line_end;
  } else if (c == '"' || c == '\'') {
    token.kind = TokenKind::text;
    token.text = quoted();
    return true;
  } else if (begins_name(c)) {
    while (at_ < text_.size() && (begins_name(text_[at_]) || is_digit(text_[at_]) || dot_inside())) ++at_;
    token.kind = TokenKind::name;
    // A prefix of a string: r"", f"".
    if (at_ - first <= 2 && at_ < text_.size() && (text_[at_] == '"' || text_[at_] == '\''))
      return next(token);
  } else if (is_digit(c) || (c == '.' && at_ + 1 < text_.size() && is_digit(text_[at_ + 1]))) {
    while (at_ < text_.size() &&
           (is_digit(text_[at_]) || begins_name(text_[at_]) || text_[at_] == '.' || exponent()))
      ++at_;
    token.kind = TokenKind::number;
  } else {
    ++at_;
    token.kind = TokenKind::sign;
  }
  token.text = text_.substr(first, at_ - first);
  return true;
}

}  // namespace pastonly::lint

#pragma once

#include <cstdint>
#include <string_view>

namespace pastonly::lint {

enum class TokenKind { name, number, text, sign, line_end };

struct Token {
  TokenKind kind = TokenKind::sign;
  std::string_view text;
  std::uint64_t line = 1;
};

/// Python's tokens as far as they matter here. Names keep their dots: "routing.Router". Texts are without
/// quotes.
class PythonTokens {
 public:
  PythonTokens(std::string_view text, std::uint64_t line) : text_(text), line_(line) {}
  /// False at the end.
  bool next(Token& token);

 private:
  bool dot_inside() const;
  bool exponent() const;
  std::string_view quoted();

  std::string_view text_;
  std::uint64_t line_;
  std::size_t at_ = 0;
};

}  // namespace pastonly::lint

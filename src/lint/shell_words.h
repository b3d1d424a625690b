#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace pastonly::lint {

/// A word of a command line after quotes and variables.
struct Word {
  std::string text;
  std::uint64_t line = 1;
  bool known = true;    ///< false where a part of it is computed; that part stands as it was written
  bool begins = false;  ///< a command: the first word after a line's end, ';', '|', '&', or a bracket
};

/// The value that a variable was last assigned, and whether it is a literal.
struct Variable {
  std::string text;
  bool known = true;
};
using Variables = std::map<std::string, Variable, std::less<>>;

/// Takes words from a script one by one, so that assignments can change what later words hold.
class ShellWords {
 public:
  ShellWords(std::string_view text, std::uint64_t line) : text_(text), line_(line) {}
  /// False at the end.
  bool next(const Variables& variables, Word& word);

 private:
  bool skip_to_word();
  void variable(const Variables& variables, Word& word);
  void command_substitution(Word& word, char open, char close);
  void double_quoted(const Variables& variables, Word& word);
  void take(Word& word);
  char at(std::size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }
  bool ended() const { return at_ >= text_.size(); }

  std::string_view text_;
  std::uint64_t line_;
  std::size_t at_ = 0;
  bool begins_ = true;
  bool in_array_ = false;  ///< NAME=( ... ): its words are no commands
};

}  // namespace pastonly::lint

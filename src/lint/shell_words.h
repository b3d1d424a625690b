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
  bool known = true;         ///< false where a part of it is computed; that part stands as it was written
  bool begins = false;       ///< a command: the first word after a line's end, ';', '|', '&', or a bracket
  bool ends = false;         ///< the last one of its command
  bool conditional = false;  ///< after "&&" or "||", or in a subshell
  std::vector<std::string> uses = {};  ///< variables that it names, also where they are not replaced
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
  bool in_array() const { return in_array_; }
  /// Whether what the command prints, whose first word was taken last, goes to no file and no other command.
  bool only_prints() const;
  /// Leaves out the text of here-documents of this command.
  void leave_out_here_documents(bool yes) { leave_out_ = yes; }

 private:
  bool skip_to_word();
  void here_document();
  void line_end();
  void variable(const Variables& variables, Word& word);
  void command_substitution(Word& word, char open, char close);
  void backquoted(Word& word);
  void double_quoted(const Variables& variables, Word& word);
  void take(Word& word);
  char at(std::size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }
  bool ended() const { return at_ >= text_.size(); }

  std::string_view text_;
  std::uint64_t line_;
  std::size_t at_ = 0;
  bool begins_ = true;
  bool in_array_ = false;  ///< NAME=( ... ): its words are no commands
  int subshells_ = 0;
  bool conditional_ = false, operator_ = false;  ///< after "&&"; no word since
  bool leave_out_ = false;
  std::string delimiter_;  ///< of a here-document that begins at the next line and is left out
};

}  // namespace pastonly::lint

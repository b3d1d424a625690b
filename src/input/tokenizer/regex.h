#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "pastonly/error.h"

namespace pastonly::input {

struct RegexMatch {
  std::size_t begin, end;  ///< bytes of the text
};

/// A compiled PCRE2 pattern over UTF-8, whose cost is bounded: backtracking by a limit that grows with the
/// text, memory by a constant, and the whole of its searches by a time that no sound pattern comes near. Not
/// to be used by two threads at once.
class Regex {
 public:
  /// Input errors: a pattern that does not compile, with PCRE2's words; the caller names file and key.
  static Expected<Regex> compile(const std::string& pcre2);

  /// The first match that begins at `from` or later; nothing where there is none. `text` must be UTF-8,
  /// `from` the beginning of a character. Input errors: the limits.
  Expected<std::optional<RegexMatch>> find(std::string_view text, std::size_t from);

 private:
  struct Compiled;
  std::shared_ptr<Compiled> compiled_;
};

/// Goes through the matches of a text as the tokenizers package does: an empty match directly behind another
/// is passed over.
class RegexMatches {
 public:
  RegexMatches(Regex& regex, std::string_view text) : regex_(&regex), text_(text) {}
  Expected<std::optional<RegexMatch>> next();

 private:
  Regex* regex_;
  std::string_view text_;
  std::size_t from_ = 0;
  std::optional<std::size_t> last_end_;
};

}  // namespace pastonly::input

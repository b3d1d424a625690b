#include "input/tokenizer/pattern_syntax.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "input/text/code_point.h"

namespace pastonly::input {
namespace {

constexpr std::size_t longest_pattern = 8192;  // bytes; the longest known ones have some 500

bool is_letter(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
bool is_hex(char c) noexcept { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

/// The general categories of Unicode by their short names; every other name is that of a script.
bool is_category(std::string_view name) noexcept {
  if (name.empty() || name.size() > 2) return false;
  constexpr std::array<std::string_view, 7> known{"Lultmo", "Mnce", "Ndlo", "Pcdseifo",
                                                  "Smcko",  "Zslp", "Ccfno"};
  return std::ranges::any_of(known, [&](std::string_view letters) {
    return name[0] == letters[0] && (name.size() == 1 || letters.find(name[1], 1) != letters.npos);
  });
}

/// Reads the pattern once, from left to right, and writes the other.
class PatternWriter {
 public:
  explicit PatternWriter(std::string_view pattern) : in_(pattern) {}

  Expected<std::string> write() {
    if (in_.size() > longest_pattern)
      return input_error(
          fmt::format("a pattern of {} bytes; at most {} are read", in_.size(), longest_pattern));
    while (at_ < in_.size() && why_.empty()) item();
    if (!why_.empty()) return input_error(why_);
    return std::move(out_);
  }

 private:
  bool next(std::string_view what) const { return in_.substr(at_).starts_with(what); }
  bool take(std::string_view what) {
    if (!next(what)) return false;
    at_ += what.size();
    return true;
  }
  void refuse(std::string_view what) {
    if (why_.empty()) why_ = fmt::format("{} at byte {} of the pattern is not supported", what, at_);
  }
  bool ignores_case() const { return !groups_.empty() && groups_.back(); }

  void item() {
    const char c = in_[at_];
    const char before = last_;
    last_ = 0;
    if (c == '\\') return escape(false);
    if (c == '[') return char_class();
    if (c == '(') return group();
    if (c == '{') return interval();
    ++at_;
    if (c == ')') {
      if (!groups_.empty()) groups_.pop_back();
      out_ += c;
    } else if (c == '^' || c == '$') {
      out_ += fmt::format("(?m:{})", c);  // of a line, always
    } else if (c == ']' || c == '}') {
      out_ += {'\\', c};
    } else {
      if (ignores_case() && is_letter(c)) last_ = static_cast<char>(c | 0x20);
      // With cases ignored, Oniguruma also matches "ss" with a sharp s, and these with their ligatures.
      for (const std::string_view pair : {"ss", "st", "ff", "fi", "fl"}) {
        if (before == pair[0] && last_ == pair[1]) refuse(fmt::format("'{}' where case is ignored", pair));
      }
      out_ += c;
    }
  }

  void group() {
    if (next("(*")) return refuse("'(*'");
    if (at_ == 0 && take("(?i)")) {  // elsewhere it would reach over an alternation in one syntax alone
      groups_.push_back(true);       // never closed
      out_ += "(?i)";
      return;
    }
    bool ignore = ignores_case();
    std::string_view opening = "(";
    if (next("(?")) {
      opening = {};
      for (const std::string_view known : {"(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>", "(?i:"})
        if (next(known)) opening = known;
      if (opening.empty()) return refuse(fmt::format("'{}'", in_.substr(at_, 4)));
      ignore = ignore || opening == "(?i:";
    }
    at_ += opening.size();
    groups_.push_back(ignore);
    out_ += opening;
  }

  /// {n}, {n,}, {n,m}, {,m}; any other brace is a character.
  void interval() {
    const std::size_t close = in_.find('}', at_);
    const std::string_view body = in_.substr(at_ + 1, close == in_.npos ? 0 : close - at_ - 1);
    const std::size_t comma = body.find(',');
    const std::string_view low = body.substr(0, comma);
    const std::string_view high = comma == body.npos ? std::string_view{} : body.substr(comma + 1);
    const bool numbers = std::ranges::all_of(low, is_digit) && std::ranges::all_of(high, is_digit) &&
                         low.size() + high.size() > 0 && low.size() < 6 && high.size() < 6;
    if (!numbers) {
      ++at_;
      out_ += "\\{";
      return;
    }
    const bool exact = comma == body.npos;
    at_ = close + 1;
    // In Ruby's syntax these repeat the repetition; elsewhere they are possessive and lazy.
    if (next("+") || (exact && next("?"))) return refuse(fmt::format("'{}' after '}}'", in_[at_]));
    out_ += exact ? fmt::format("{{{}}}", low) : fmt::format("{{{},{}}}", low.empty() ? "0" : low, high);
  }

  void char_class() {
    ++at_;
    out_ += '[';
    if (take("^")) out_ += '^';
    if (next("]")) return refuse("an empty class");
    while (at_ < in_.size() && in_[at_] != ']' && why_.empty()) {
      if (next("[")) return refuse("a class in a class");
      if (next("&&")) return refuse("'&&'");
      if (in_[at_] == '\\') {
        escape(true);
      } else {
        out_ += in_[at_++];
      }
    }
    if (!take("]")) return refuse("a class without end");
    out_ += ']';
  }

  void escape(bool in_class) {
    const std::size_t start = at_++;
    if (at_ == in_.size()) return refuse("a backslash at the end");
    const char c = in_[at_++];
    const auto unknown = [&] {
      at_ = start;
      refuse(fmt::format("'\\{}'{}", c, in_class ? " in a class" : ""));
    };
    switch (c) {
      case 's':
        out_ += "\\p{White_Space}";
        return;
      case 'S':
        out_ += "\\P{White_Space}";
        return;
      case 'd':
      case 'D':
        out_ += c == 'd' ? "\\p{Nd}" : "\\P{Nd}";
        return;
      case 'w':
      case 'W': {  // as in Unicode's annex on regular expressions, and some numbers of Latin-1
        constexpr std::string_view word =
            "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\x{b2}\\x{b3}\\x{b9}\\x{bc}-\\x{be}";
        if (in_class && c == 'W') return unknown();
        out_ += in_class ? std::string(word) : fmt::format("[{}{}]", c == 'W' ? "^" : "", word);
        return;
      }
      case 'r':
      case 'n':
      case 't':
      case 'f':
        out_ += {'\\', c};
        return;
      case 'v':
        out_ += "\\x0b";
        return;
      case 'A':
      case 'z':
        if (in_class) return unknown();
        out_ += {'\\', c};
        return;
      case 'p':
      case 'P':
        return property(c == 'P');
      case 'x':
      case 'u':
        return code(c);
      default:
        if (is_letter(c) || is_digit(c)) return unknown();
        out_ += {'\\', c};  // of a character beyond ASCII, its first byte
    }
  }

  void property(bool negated) {
    if (!take("{")) return refuse("a property without braces");
    if (take("^")) negated = !negated;
    const std::size_t close = std::min(in_.find('}', at_), in_.size());
    const std::string_view name = in_.substr(at_, close - at_);
    const bool plain = !name.empty() && name.size() < 32 &&
                       std::ranges::all_of(name, [](char c) { return is_letter(c) || c == '_'; });
    if (!plain) return refuse(fmt::format("the property '{}'", name.substr(0, 32)));
    if (ignores_case() && (name == "Lu" || name == "Ll" || name == "Lt"))
      return refuse(fmt::format("the property {} where case is ignored", name));
    at_ = close + 1;
    // A bare name of a script means the wider Script_Extensions to PCRE2.
    out_ += fmt::format("\\{}{{{}{}}}", negated ? 'P' : 'p', is_category(name) ? "" : "sc:", name);
  }

  /// \x41, \x{1F600}, \u3040.
  void code(char kind) {
    const bool braces = kind == 'x' && take("{");
    const std::size_t most = braces ? 6 : kind == 'u' ? 4 : 2;
    std::size_t digits = 0;
    while (digits < most && at_ + digits < in_.size() && is_hex(in_[at_ + digits])) ++digits;
    const std::string_view text = in_.substr(at_, digits);
    // A byte beyond ASCII would be part of a character.
    const bool byte = kind == 'x' && !braces;
    if (digits == 0 || (kind == 'u' && digits < 4) || (byte && (digits < 2 || text[0] > '7')))
      return refuse(fmt::format("'\\{}'", kind));
    at_ += digits;
    if (braces && !take("}")) return refuse("'\\x{' without end");
    out_ += fmt::format("\\x{{{}}}", text);
  }

  std::string_view in_;
  std::size_t at_ = 0;
  std::string out_, why_;
  std::vector<bool> groups_;  // of each open group, whether case is ignored
  char last_ = 0;             // the letter that stands before, where case is ignored
};

}  // namespace

Expected<std::string> pcre2_pattern(std::string_view pattern) { return PatternWriter(pattern).write(); }

std::string literal_pattern(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto point = first_code_point(text);
    out += fmt::format("\\x{{{:x}}}", point ? point->value : 0xfffdU);
    text.remove_prefix(point ? point->bytes : 1);
  }
  return out;
}

}  // namespace pastonly::input

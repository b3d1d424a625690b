#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "lint/readers.h"
#include "lint/shell_scopes.h"
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
               std::uint32_t outer);

constexpr int most_nested = 4;

/// Options in a variable, which count where it is used.
struct Held {
  std::string text;         ///< of a string
  std::vector<Word> words;  ///< of an array
  std::uint64_t line = 1;
  std::uint32_t branch = 0;
  std::vector<Scope> scopes;  ///< that it is assigned in
};

/// One script, or a text of options in it.
class ShellReader {
 public:
  ShellReader(Document& document, std::size_t block, std::string_view text, std::uint64_t line, int depth,
              std::uint32_t outer)
      : document_(document),
        block_(block),
        depth_(depth),
        words_(text, line),
        options_(document, block),
        last_(outer),
        branches_{outer} {
    options_.in_branch(outer);
  }

  void read() {
    Word word;
    while (!document_.full() && words_.next(variables_, word)) {
      if (gathers_ && !word.begins) {
        for (const std::string& used : word.uses) use(used);
        gathered_.words.push_back(word);
        continue;
      }
      if (gathers_) assigned_array();
      if (word.begins) begin(word);
      // "if grep ...": what comes after "if" is a command as well.
      if (word.begins || condition_) prints_ = is_printing(word.text);
      condition_ = word.begins && (word.text == "if" || word.text == "elif" || word.text == "while" ||
                                   word.text == "until" || word.text == "!");
      if (!prints_) read(word);
      if (word.begins) opener_ = word.text;
    }
    if (gathers_) assigned_array();
    // A file that only sets variables sets them for others.
    if (!any_used_) use_all();
  }

 private:
  void begin(const Word& word) {
    options_.close();
    if (word.text == "if" || word.text == "case") branches_.push_back(++last_);
    if ((word.text == "elif" || word.text == "else") && branches_.size() > 1) branches_.back() = ++last_;
    if ((word.text == "fi" || word.text == "esac") && branches_.size() > 1) branches_.pop_back();
    options_.in_branch(branches_.back());
    scopes_.follow(word.text, opener_);
    if (word.text == "source" || word.text == ".") use_all();
  }

  bool is_printing(std::string_view command) {
    const bool searches = command == "grep" || command == "egrep" || command == "fgrep" || command == "rg";
    const bool prints = command == "echo" || command == "printf";
    const bool shows = prints || command == "cat" || command == ":";
    const bool only = shows && words_.only_prints();
    words_.leave_out_here_documents(only);
    return searches || (prints && only);
  }

  void read(const Word& word) {
    const std::size_t name = name_before_equals(word.text);
    const bool assigns = word.begins && name > 0;
    const std::string variable = assigns ? word.text.substr(0, name) : "";
    if (reaches_others(word)) {
      use_all();
      all_used_ = true;
    }
    for (const std::string& used : word.uses) {
      if (used != variable) used_.insert(used);
      use(used);
    }
    if (word.begins && opener_ == "export") use(word.text);
    if (assigns)
      assign(word, variable);
    else
      argument(word, branches_.back());
  }

  /// A word that assigns nothing.
  void argument(const Word& word, std::uint32_t branch) {
    const std::size_t name = name_before_equals(word.text);
    // A string of options, in a variable or in quotes.
    if (word.text.find_first_of(" \n") != std::string::npos && holds_options(word.text)) {
      options_.close();
      nested(word.text, word.line, branch);
    } else if (is_option(word.text)) {
      options_.open(word);
    } else if (name > 0) {
      options_.close();
      options_.add(word.text.substr(0, name), word.text.substr(word.text.find('=') + 1), word.line,
                   word.known);
    } else if (word.text.size() > 1 && word.text[0] == '-' && is_letter(word.text[1])) {
      options_.close();
    } else if (options_.takes_value()) {
      options_.value(word);
    }
  }

  void nested(const std::string& text, std::uint64_t line, std::uint32_t branch) {
    if (depth_ < most_nested) add_words(document_, block_, text, line, depth_ + 1, branch);
  }

  void assign(const Word& word, const std::string& name) {
    const std::string value = word.text.substr(word.text.find('=') + 1);
    Held held{value, {}, word.line, branches_.back(), scopes_.open()};
    const bool adds = word.text[name.size()] == '+';
    passes_on_ = opener_ == "export" || all_used_ || used_.count(name) > 0;
    if (words_.in_array()) {
      if (!adds && !word.conditional) replace(name);
      gathers_ = true;
      gathered_ = std::move(held);
      array_ = name;
      return;
    }
    // "A=1 command": for that command alone.
    passes_on_ = passes_on_ || !word.ends;
    if (!adds && !word.conditional && word.ends) replace(name);
    variables_[name] = {value, word.known};
    if (holds_options(value)) hold(name, std::move(held));
  }

  void assigned_array() {
    gathers_ = false;
    if (!gathered_.words.empty()) hold(array_, std::move(gathered_));
    gathered_ = {};
  }

  void hold(const std::string& name, Held held) {
    constexpr std::size_t most_held = 1000;
    auto& kept = held_[name];
    if (kept.size() < most_held) kept.push_back(std::move(held));
    if (passes_on_) use(name);
  }

  /// What the variable held before is gone, where this assignment always comes after it.
  void replace(const std::string& name) {
    const auto found = held_.find(name);
    if (found == held_.end()) return;
    std::erase_if(found->second, [&](const Held& held) { return scopes_.always_after(held.scopes); });
    if (found->second.empty()) held_.erase(found);
  }

  /// Names that are computed, references, and variables that are all exported: any may be used.
  bool reaches_others(const Word& word) const {
    const bool declares = opener_ == "declare" || opener_ == "local" || opener_ == "typeset";
    return std::ranges::count(word.uses, "!") > 0 || (opener_ == "eval" && !word.begins && !word.known) ||
           (declares && (word.text == "-n" || word.text == "-x")) ||
           (opener_ == "set" && !word.begins && (word.text == "-a" || word.text == "allexport"));
  }

  void use_all() {
    while (!held_.empty()) use(std::string(held_.begin()->first));
  }

  void use(const std::string& name) {
    const auto found = held_.find(name);
    if (found == held_.end()) return;
    any_used_ = true;
    options_.close();
    const std::vector<Held> kept = std::move(found->second);  // their words are read once
    held_.erase(found);
    for (const Held& held : kept) {
      options_.in_branch(held.branch);
      if (!held.text.empty()) nested(held.text, held.line, held.branch);
      for (const Word& word : held.words) argument(word, held.branch);
      options_.close();
    }
    options_.in_branch(branches_.back());
  }

  Document& document_;
  std::size_t block_;
  int depth_;
  ShellWords words_;
  Options options_;
  Variables variables_;
  std::map<std::string, std::vector<Held>> held_;
  std::set<std::string> used_;  ///< also before they are assigned: in functions and loops
  bool any_used_ = false, all_used_ = false;
  std::uint32_t last_;
  std::vector<std::uint32_t> branches_;  ///< the open ones
  Scopes scopes_;
  std::string opener_;  ///< the word that began the command before
  bool prints_ = false, condition_ = false, passes_on_ = false, gathers_ = false;
  std::string array_;
  Held gathered_;
};

void add_words(Document& document, std::size_t block, std::string_view text, std::uint64_t line, int depth,
               std::uint32_t outer) {
  ShellReader(document, block, text, line, depth, outer).read();
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

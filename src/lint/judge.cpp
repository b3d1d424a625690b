#include "lint/judge.h"

#include <algorithm>
#include <cstdlib>
#include <optional>

namespace pastonly::lint {
namespace {

enum class Answer { no, unknown, yes };

char small(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
bool same(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return small(x) == small(y); });
}
bool one_of(std::string_view text, std::string_view list, char between) {
  while (true) {
    const std::size_t end = std::min(list.find(between), list.size());
    if (same(text, list.substr(0, end))) return true;
    if (end == list.size()) return false;
    list.remove_prefix(end + 1);
  }
}

std::optional<double> number_of(std::string_view text) {
  if (text.empty() || text.size() > 40 ||
      text.find_first_not_of("0123456789.eE+-_") != std::string_view::npos)
    return std::nullopt;
  std::string digits(text);
  std::erase(digits, '_');
  char* end = nullptr;
  const double value = std::strtod(digits.c_str(), &end);
  return end == digits.c_str() + digits.size() && end != digits.c_str() ? std::optional(value) : std::nullopt;
}

Answer whether(bool holds) { return holds ? Answer::yes : Answer::no; }

/// Of one value. A list is judged by its elements: one is enough.
Answer holds_of(Test test, std::string_view text, std::string_view value) {
  switch (test) {
    case Test::given:
      return whether(!text.empty());
    case Test::is:
      return whether(one_of(text, value, '|'));
    case Test::is_not:
      return whether(!one_of(text, value, '|'));
    case Test::on:
      if (one_of(text, "true|1|yes|on", '|')) return Answer::yes;
      return one_of(text, "false|0|no|off", '|') ? Answer::no : Answer::unknown;
    case Test::off:
      if (one_of(text, "false|0|no|off", '|')) return Answer::yes;
      return one_of(text, "true|1|yes|on", '|') ? Answer::no : Answer::unknown;
    case Test::at_least:
    case Test::above:
    case Test::below:
      break;
  }
  const auto number = number_of(text), limit = number_of(value);
  if (!number || !limit) return Answer::unknown;
  if (test == Test::below) return whether(*number < *limit);
  return whether(test == Test::above ? *number > *limit : *number >= *limit);
}

Answer holds(Test test, std::string_view text, std::string_view value) {
  Answer best = Answer::no;
  while (true) {
    const std::size_t end = std::min(text.find(','), text.size());
    best = std::max(best, holds_of(test, text.substr(0, end), value));
    if (end == text.size()) return best;
    text.remove_prefix(end + 1);
  }
}

/// "sparse_encoder" of a block that is named "sparse_encoder/Router".
std::string_view scope_of(std::string_view name) {
  const auto slash = name.rfind('/');
  return slash == std::string_view::npos ? std::string_view{} : name.substr(0, slash);
}
std::string_view class_of(std::string_view name) {
  const auto slash = name.rfind('/');
  return slash == std::string_view::npos ? name : name.substr(slash + 1);
}

bool is_null(const Entry& entry) {
  return entry.known && (entry.value.empty() || same(entry.value, "none") || same(entry.value, "null"));
}

/// One block held against one row.
class Trial {
 public:
  Trial(const Document& document, std::size_t block, const Option& option)
      : document_(document), block_(block), option_(option) {}

  std::optional<Match> match() {
    const Entry* own = document_.own(block_, option_.key);
    const bool called =
        !option_.block.empty() && one_of(class_of(document_.blocks[block_].name), option_.block, '|');
    if (own == nullptr && !called) return std::nullopt;
    match_.option = &option_;
    branch_ = own != nullptr ? own->branch : 0;
    match_.line = own != nullptr ? own->line : document_.blocks[block_].line;
    for (const Condition& condition : option_.when) {
      if (!condition.key.empty() && !meets(condition)) return std::nullopt;
    }
    if (match_.settings.empty()) match_.settings = option_.block;
    return match_;
  }

 private:
  bool meets(const Condition& condition) {
    if (condition.key == "@scope")
      return holds_of(condition.test, scope_of(document_.blocks[block_].name), condition.value) ==
             Answer::yes;
    const Entry* entry = document_.find(block_, condition.key);
    const bool first = condition.key == option_.when[0].key;
    if (entry == nullptr && document_.may_hold(block_, condition.key)) {
      if (first && condition.test == Test::is) return false;
      match_.certain = false;
      say(condition.key, "?", " (computed)");
      return true;
    }
    if (entry != nullptr && is_null(*entry)) entry = nullptr;
    // Set in one branch of a script, it may also have its default.
    if (entry != nullptr && entry->branch != 0 && entry->branch != branch_ && entry->known &&
        holds(condition.test, entry->value, condition.value) == Answer::no)
      entry = nullptr;
    if (entry == nullptr) {
      const bool silent = condition.otherwise.substr(0, 1) == "@";
      const std::string_view otherwise = condition.otherwise.substr(silent ? 1 : 0);
      if (otherwise.empty() || holds(condition.test, otherwise, condition.value) != Answer::yes) return false;
      if (!silent) say(condition.key, otherwise, " (default)");
      return true;
    }
    const Answer answer =
        entry->known ? holds(condition.test, entry->value, condition.value) : Answer::unknown;
    if (answer == Answer::no) return false;
    // The first condition is what makes the option act at all: a value from elsewhere says nothing of it
    // where it could be anything, or is passed on as it came.
    if (answer == Answer::unknown && first && (condition.test == Test::is || entry->passed_on)) return false;
    match_.certain = match_.certain && answer == Answer::yes;
    say(condition.key, entry->value, entry->known ? "" : " (computed)");
    return true;
  }

  void say(std::string_view key, std::string_view value, std::string_view how) {
    constexpr std::size_t longest = 60;
    std::string one(key);
    one += " = ";
    one += value.substr(0, longest);
    one += how;
    if (match_.settings.find(one) != std::string::npos) return;  // two limits of one value
    match_.settings += (match_.settings.empty() ? "" : ", ") + one;
  }

  const Document& document_;
  std::size_t block_;
  const Option& option_;
  Match match_;
  std::uint32_t branch_ = 0;  ///< of the option itself: what stands in the same one comes with it
};

}  // namespace

std::vector<Match> judge(const Document& document, const std::vector<Framework>& frameworks) {
  std::vector<Match> out;
  for (std::size_t block = 0; block < document.blocks.size(); ++block) {
    const std::size_t first = out.size();
    for (const Option& option : options()) {
      if (option.effect == Effect::fine || std::ranges::count(frameworks, option.framework) == 0) continue;
      auto match = Trial(document, block, option).match();
      if (!match) continue;
      // What hangs on one computed value is said once.
      const bool open =
          !match->certain &&
          std::any_of(out.begin() + static_cast<std::ptrdiff_t>(first), out.end(), [&](const Match& other) {
            return !other.certain && other.option->framework == option.framework;
          });
      const bool said =
          open ||
          std::any_of(out.begin() + static_cast<std::ptrdiff_t>(first), out.end(), [&](const Match& other) {
            return other.option->framework == option.framework && other.option->rule == option.rule &&
                   other.option->modes.training == option.modes.training && !option.rule.empty() &&
                   other.option->effect == option.effect && other.option->key == option.key;
          });
      if (!said) out.push_back(*std::move(match));
    }
  }
  std::ranges::stable_sort(out, {}, &Match::line);
  // A mapping that others take over says it for all of them.
  const auto same_place = [](const Match& a, const Match& b) {
    return a.line == b.line && a.option == b.option && a.settings == b.settings;
  };
  std::vector<Match> once;
  for (Match& match : out) {
    bool there = false;
    for (auto other = once.rbegin(); other != once.rend() && other->line == match.line && !there; ++other)
      there = same_place(*other, match);
    if (!there) once.push_back(std::move(match));
  }
  return once;
}

}  // namespace pastonly::lint

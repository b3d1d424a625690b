#include "lint/shell_scopes.h"

#include <algorithm>

namespace pastonly::lint {

void Scopes::follow(std::string_view word, std::string_view before) {
  using Kind = Scope::Kind;
  constexpr std::size_t most_open = 16;
  const auto opens = [&](Kind kind) {
    lost_ = lost_ || open_.size() >= most_open;
    if (!lost_) open_.push_back({++last_, kind});
  };
  const auto closes = [&](Kind kind) {
    if (!open_.empty() && open_.back().kind == kind) open_.pop_back();
  };
  if (word == "if") opens(Kind::branch);
  if (word == "case") opens(Kind::arms);
  if (word == "for" || word == "while" || word == "until" || word == "select") opens(Kind::loop);
  if (word == "{" || before == "function") opens(Kind::group);
  if ((word == "elif" || word == "else") && !open_.empty()) open_.back().id = ++last_;
  if (word == "fi") closes(Kind::branch);
  if (word == "esac") closes(Kind::arms);
  if (word == "done") closes(Kind::loop);
  if (word == "}") closes(Kind::group);
}

bool Scopes::always_after(const std::vector<Scope>& there) const {
  using Kind = Scope::Kind;
  if (lost_ || open_.size() > there.size()) return false;
  if (!open_.empty() && open_.back().kind == Kind::arms) return false;
  const auto rest = there.begin() + static_cast<std::ptrdiff_t>(open_.size());
  return std::equal(open_.begin(), open_.end(), there.begin()) &&
         std::none_of(rest, there.end(), [](const Scope& scope) { return scope.kind == Kind::group; });
}

}  // namespace pastonly::lint

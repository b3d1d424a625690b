#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace pastonly::lint {

/// What may run once, often or never: a branch, a loop, a function.
struct Scope {
  enum class Kind : std::uint8_t { branch, arms, loop, group };
  std::uint32_t id = 0;
  Kind kind = Kind::branch;
  friend bool operator==(const Scope&, const Scope&) = default;
};

/// The scopes that are open at a place of a script.
class Scopes {
 public:
  /// At a word that begins a command; `before` is the one that began the command before.
  void follow(std::string_view word, std::string_view before);
  const std::vector<Scope>& open() const { return open_; }
  /// Whether what is assigned here always comes after what was assigned there, earlier in the file. No where
  /// that is not certain: arms of a case are not told apart, and functions may be called later.
  bool always_after(const std::vector<Scope>& there) const;

 private:
  std::vector<Scope> open_;
  std::uint32_t last_ = 0;
  bool lost_ = false;  ///< nested too deeply to say anything
};

}  // namespace pastonly::lint

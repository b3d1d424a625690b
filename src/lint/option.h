#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lint/framework.h"

namespace pastonly::lint {

enum class Test : std::uint8_t {
  is,  ///< one of "a|b"; of a list, any element
  is_not,
  at_least,  ///< a number
  above,
  below,
  on,  ///< true, 1, yes
  off,
  given,  ///< anything but None
};

/// What has to hold of a key for an option to act. A key that is absent, or None, has the framework's
/// default; without one nothing holds of it.
struct Condition {
  std::string_view key = "";
  Test test = Test::given;
  std::string_view value = "";
  std::string_view otherwise = "";  ///< the framework's default; "@true" is true, and not worth a word
};

enum class Effect : std::uint8_t {
  selects,        ///< the rule, in a model that predicts the next token
  bidirectional,  ///< the rule, in an encoder: it sees all of the input anyway
  chance,         ///< noise that belongs to the token: no information on others
  debug,          ///< experts without a router: for benchmarks alone
  fine,           ///< nothing: the row explains why the option is harmless
};

/// What routing can depend on beyond a token and its past, under the rule with these parameters and several
/// sequences in a batch: a test holds it against what the rule itself declares.
struct Axes {
  bool future = false, batch = false, length = false;
};

struct Modes {
  bool training = true, evaluation = true;
};

/// One row of the table: an option or a combination, when it acts, what it selects.
struct Option {
  std::string_view id;
  Framework framework;
  std::string_view key;    ///< what `explain` finds and the finding points to
  std::string_view block;  ///< the call or block that it belongs to where it is not given itself; "" = none
  std::array<Condition, 5> when;
  Effect effect;
  std::string_view rule;        ///< id (pastonly rules); "" where none is selected
  std::string_view parameters;  ///< of the rule, as --rule takes them, for usual values
  Axes axes;
  Modes modes;
  std::string_view what;     ///< what happens, in a sentence or two
  std::string_view instead;  ///< what to set
  std::string_view source;   ///< file and function of the framework that say so
};

/// "training and evaluation".
std::string_view in_words(const Modes& modes) noexcept;
/// "yes", or what it depends on: "no; depends on later tokens, other sequences, the length".
std::string causal_in_words(const Option& option);

/// All of them. The only list.
std::span<const Option> options() noexcept;
/// Those whose key it is, or that it is a condition of; '-' and '_' are the same. By id too.
std::vector<const Option*> options_of(std::string_view key);

}  // namespace pastonly::lint

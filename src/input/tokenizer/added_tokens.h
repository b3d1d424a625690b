#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "input/tokenizer/regex.h"
#include "pastonly/error.h"

namespace pastonly::input {

/// An entry of "added_tokens": a text that is one token wherever it stands.
struct AddedToken {
  std::string content;
  std::uint32_t id = 0;
  bool single_word = false;  ///< not inside a word
  bool lstrip = false;       ///< takes the white space before it
  bool rstrip = false;       ///< and behind it
  bool normalized = false;   ///< looked for in the normalised text, in normalised form
  bool operator==(const AddedToken&) const = default;
};

/// Finds added tokens: at each place from left to right the longest.
class AddedTokens {
 public:
  /// Takes a stretch and the token that it is, or nothing for text between.
  using TakeStretch =
      std::function<Expected<void>(std::string_view, std::size_t begin, std::optional<std::uint32_t>)>;

  /// Requires contents that differ and are not empty.
  static Expected<AddedTokens> make(std::vector<AddedToken> tokens);

  /// Gives all of a text in order. Where tokens strip, stretches may overlap, as those of the tokenizers
  /// package do.
  Expected<void> split(std::string_view text, const TakeStretch& take);

 private:
  const AddedToken* longest_at(std::string_view text) const;
  Expected<bool> inside_word(std::string_view text, std::size_t begin, std::size_t end);

  std::vector<AddedToken> tokens_;  // by content
  std::vector<bool> begins_;        // (256) whether a token begins with the byte
  std::optional<Regex> word_;       // a character of a word; only where a token asks
};

}  // namespace pastonly::input

#pragma once

#include <string>
#include <variant>
#include <vector>

#include "input/text/parse_json.h"
#include "input/tokenizer/regex.h"
#include "input/tokenizer/unicode_forms.h"

namespace pastonly::input {

/// "normalizer" of tokenizer.json: steps that change a text before it is split.
class Normalizer {
 public:
  /// Null: changes nothing. Input errors name what is not supported, by its path in the file
  /// ("normalizer..."); the caller names the file.
  static Expected<Normalizer> read(const Json& json);

  bool empty() const noexcept { return steps_.empty(); }
  /// Replaces the text. `cut_front`: set where white space was removed from its beginning. Input errors:
  /// patterns that cost too much, and a text that grows beyond `most` bytes.
  Expected<void> apply(std::string& text, bool& cut_front, std::size_t most);

 private:
  struct Form {
    UnicodeForm form;
  };
  struct Lower {};
  struct Prepend {
    std::string what;
  };
  struct Replace {
    std::string path, text;  // of the key; the text that is replaced, "" where a pattern is
    std::vector<Regex> pattern;
    std::string with;
  };
  struct Strip {
    bool left, right;
  };
  using Step = std::variant<Form, Lower, Prepend, Replace, Strip>;

  Expected<void> add(const Json& json, const std::string& path);
  static Expected<Replace> read_replace(const Json& json, const std::string& path);
  static Expected<void> replace(Replace& step, std::string& text, std::size_t most);

  std::vector<Step> steps_;
};

}  // namespace pastonly::input

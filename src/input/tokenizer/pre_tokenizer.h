#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "input/text/parse_json.h"
#include "input/tokenizer/regex.h"

namespace pastonly::input {

/// A piece of a text on its way to the model.
struct TextPiece {
  std::string_view text;
  bool first;  ///< begins where the text does
};

/// Takes a piece; an error ends the splitting.
using TakePiece = std::function<Expected<void>(const TextPiece&)>;

/// "pre_tokenizer" of tokenizer.json: steps that split a text into the words that the model reads one by one.
class PreTokenizer {
 public:
  /// Null: the whole text is one word. Input errors as for normalizers.
  static Expected<PreTokenizer> read(const Json& json);

  /// Whether words are read byte by byte, each standing for a character (ByteLevel).
  bool byte_level() const noexcept { return byte_level_; }
  /// Gives the words of a piece in order; a word is valid within the call alone. Of byte-level words the
  /// bytes themselves. Empty words are left out. Input errors: patterns that cost too much, and those of
  /// `take`.
  Expected<void> split(const TextPiece& piece, const TakePiece& take) { return run(0, piece, take); }

 private:
  enum class Behaviour { removed, isolated, merged_with_previous, merged_with_next, contiguous };
  enum class PrefixScheme { always, first, never };
  struct Step {
    std::string path;
    std::optional<Regex> pattern;  // nothing: the piece stays whole
    Behaviour behaviour = Behaviour::isolated;
    bool invert = false;
    /// Before it splits: what replaces every space ("" = nothing), and is put in front where the piece does
    /// not begin with it. ByteLevel's is a space.
    std::string space;
    PrefixScheme prefix = PrefixScheme::never;
  };

  Expected<void> add(const Json& json, const std::string& path);
  Expected<void> add_split(const Json& json, const std::string& path);
  Expected<void> add_metaspace(const Json& json, const std::string& path);
  Expected<void> add_byte_level(const Json& json, const std::string& path);
  Expected<void> add_by_name(const Json& json, const std::string& path, const std::string& type);
  Expected<void> run(std::size_t step, const TextPiece& piece, const TakePiece& take);
  Expected<void> run_split(std::size_t step, const TextPiece& piece, const TakePiece& take);

  std::vector<Step> steps_;
  bool byte_level_ = false;
};

}  // namespace pastonly::input

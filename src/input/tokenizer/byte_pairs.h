#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "input/tokenizer/merge_table.h"
#include "input/tokenizer/text_map.h"
#include "pastonly/error.h"

namespace pastonly::input {

/// What "model" of tokenizer.json says of a byte-pair encoding (Sennrich et al. 2016).
struct BytePairParts {
  TextMap<std::uint32_t> vocab;                             ///< ids differ
  std::vector<std::pair<std::string, std::string>> merges;  ///< the first goes first
  std::string unknown;                                      ///< unk_token; "" = none
  bool fuse_unknown = false;                                ///< neighbours become one
  bool byte_fallback = false;                               ///< <0x0A> stands for a byte without a character
  bool whole_words = false;  ///< ignore_merges: a word of the vocabulary stays whole
};

/// A byte-pair encoding that encodes words. Merges go by rank and from left to right, as those of the
/// tokenizers package; a word of n characters takes time n log n.
class BytePairs {
 public:
  /// `byte_level`: words come as bytes, and the vocabulary writes each as a character. Input errors name the
  /// key.
  static Expected<BytePairs> make(const BytePairParts& parts, bool byte_level);

  /// Appends the ids of a word. Input errors: more than 2^26 characters that cannot be taken apart.
  Expected<void> encode(std::string_view word, std::vector<std::int32_t>& out);

 private:
  struct Unit {  // a character of the text, or a byte
    std::uint32_t code;
    std::uint32_t bytes;
  };
  struct Kept {  // of a word encoded before
    std::size_t first;
    std::uint32_t count;
  };

  Unit unit_at(std::string_view text) const;
  std::optional<std::uint32_t> id_of(std::uint32_t code) const;
  Expected<void> add_merges(const BytePairParts& parts, bool byte_level);
  std::size_t end_of_part(std::string_view word, std::size_t begin) const;
  Expected<void> encode_part(std::string_view part, std::vector<std::int32_t>& out);
  void append_symbols(std::string_view part);
  void append_unknown(std::string_view character, std::optional<std::uint32_t>& pending);

  bool byte_level_ = false, fuse_unknown_ = false, byte_fallback_ = false;
  std::optional<std::uint32_t> unknown_;
  std::array<std::optional<std::uint32_t>, 256> of_byte_;     // of byte-level characters
  std::array<std::optional<std::uint32_t>, 256> fallback_;    // of <0x00> to <0xFF>
  std::unordered_map<std::uint32_t, std::uint32_t> of_code_;  // characters that are tokens
  std::array<std::int32_t, 128> of_ascii_{};                  // of_code_ again; -1 = none
  TextMap<std::uint32_t> whole_;  // words that stay whole, as they stand in the text
  std::size_t longest_whole_ = 0;
  MergeTable merges_;
  /// Pairs of neighbouring units that some merge joins: (left << 32 | right). A word may be taken apart
  /// everywhere else.
  std::unordered_set<std::uint64_t> joins_;
  std::vector<std::uint32_t> symbols_;  // scratch
  MergeQueue queue_;                    // scratch
  TextMap<Kept> kept_;
  std::vector<std::int32_t> kept_ids_;
};

}  // namespace pastonly::input

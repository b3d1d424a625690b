#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "input/tokenizer/added_tokens.h"
#include "input/tokenizer/byte_pairs.h"
#include "input/tokenizer/normalizer.h"
#include "input/tokenizer/pre_tokenizer.h"
#include "pastonly/error.h"

namespace pastonly::input {

/// A checkpoint's own tokenizer, read from tokenizer.json as the tokenizers package writes it: byte-pair
/// encodings, with the normalizers and pre-tokenizers that the models of src/checkpoint come with. Whatever
/// it does not know is refused by name. Not to be used by two threads at once.
class Tokenizer {
 public:
  /// Input errors name file, key and what to do.
  static Expected<Tokenizer> open(const std::filesystem::path& file);

  /// The ids of a text, as Tokenizer.encode(text, add_special_tokens=False) of the package gives them: texts
  /// of added tokens become these, and nothing is put in front or behind. Input errors: text that is not
  /// UTF-8 (`name` and byte), patterns that cost too much.
  Expected<std::vector<std::int32_t>> encode(std::string_view text, const std::string& name);

  /// The token of an id, as the file writes it; "" where there is none. Takes time linear in the vocabulary.
  std::string token(std::uint32_t id) const;

 private:
  friend class TokenizerFile;
  struct Output {
    std::vector<std::int32_t> ids;
    std::size_t most;  // of normalised bytes and of ids: what goes beyond is meant to fill the memory
    std::size_t bytes = 0;
  };
  Expected<void> encode_piece(std::string_view piece, bool first, Output& out);

  std::string path_;
  TextMap<std::uint32_t> vocab_;
  std::vector<AddedToken> added_;
  Normalizer normalizer_;
  PreTokenizer pre_tokenizer_;
  AddedTokens as_written_, normalized_;  // added tokens that are found before and after normalisation
  std::optional<BytePairs> model_;
};

}  // namespace pastonly::input

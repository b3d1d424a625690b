#include "input/tokenizer/tokenizer.h"

#include <fmt/format.h>

#include "input/text/printable.h"
#include "input/tokenizer/unicode_forms.h"

namespace pastonly::input {

Expected<std::vector<std::int32_t>> Tokenizer::encode(std::string_view text, const std::string& name) {
  if (const std::size_t bad = valid_utf8(text); bad != text.size())
    return input_error(printable(fmt::format(
        "{}: byte {} is not UTF-8; convert the text, for example with iconv -f LATIN1 -t UTF-8", name, bad)));
  Output out{{}, 32 * text.size() + 65536};
  const auto encoded = as_written_.split(
      text,
      [&](std::string_view piece, std::size_t begin, std::optional<std::uint32_t> token) -> Expected<void> {
        if (!token) return encode_piece(piece, begin == 0, out);
        out.ids.push_back(static_cast<std::int32_t>(*token));
        return {};
      });
  if (!encoded)
    return input_error(printable(fmt::format("{}: {}: {}", path_, name, encoded.error().message)));
  return std::move(out.ids);
}

Expected<void> Tokenizer::encode_piece(std::string_view piece, bool first, Output& out) {
  std::string changed;
  if (!normalizer_.empty()) {
    changed = piece;
    bool cut_front = false;
    if (auto done = normalizer_.apply(changed, cut_front, out.most - out.bytes); !done) return done;
    out.bytes += changed.size();
    piece = changed;
    first = first && !cut_front;
  }
  const TakePiece encode_word = [&](const TextPiece& word) -> Expected<void> {
    if (out.ids.size() > out.most) return input_error("more tokens than any text of this length can have");
    return model_->encode(word.text, out.ids);
  };
  return normalized_.split(
      piece,
      [&](std::string_view part, std::size_t begin, std::optional<std::uint32_t> token) -> Expected<void> {
        if (!token) return pre_tokenizer_.split({part, first && begin == 0}, encode_word);
        out.ids.push_back(static_cast<std::int32_t>(*token));
        return {};
      });
}

std::string Tokenizer::token(std::uint32_t id) const {
  for (const AddedToken& token : added_)
    if (token.id == id) return token.content;
  for (const auto& [content, number] : vocab_)
    if (number == id) return content;
  return {};
}

}  // namespace pastonly::input

#include "input/tokenizer/added_tokens.h"

#include <fmt/format.h>

#include <algorithm>

#include "input/tokenizer/pattern_syntax.h"
#include "input/tokenizer/unicode_forms.h"

namespace pastonly::input {

Expected<AddedTokens> AddedTokens::make(std::vector<AddedToken> tokens) {
  AddedTokens out;
  out.tokens_ = std::move(tokens);
  std::ranges::sort(out.tokens_, {}, &AddedToken::content);
  out.begins_.assign(256, false);
  for (const AddedToken& token : out.tokens_)
    out.begins_[static_cast<unsigned char>(token.content.front())] = true;
  if (std::ranges::any_of(out.tokens_, &AddedToken::single_word)) {
    auto word = Regex::compile(fmt::format("[{}]", word_characters));
    if (!word) return tl::unexpected(word.error());
    out.word_ = *std::move(word);
  }
  return out;
}

const AddedToken* AddedTokens::longest_at(std::string_view text) const {
  // The tokens that agree with the text so far stand together; one that ends here stands first among them.
  auto first = tokens_.begin(), last = tokens_.end();
  const AddedToken* longest = nullptr;
  for (std::size_t depth = 0; first != last; ++depth) {
    if (first->content.size() == depth) longest = &*first++;
    if (depth == text.size()) break;
    const auto byte_at = [depth](const AddedToken& token) {
      return static_cast<unsigned char>(token.content[depth]);
    };
    const auto wanted = static_cast<unsigned char>(text[depth]);
    first =
        std::partition_point(first, last, [&](const AddedToken& token) { return byte_at(token) < wanted; });
    last =
        std::partition_point(first, last, [&](const AddedToken& token) { return byte_at(token) == wanted; });
  }
  return longest;
}

Expected<bool> AddedTokens::inside_word(std::string_view text, std::size_t begin, std::size_t end) {
  std::size_t before = begin;
  while (before > 0 && (static_cast<unsigned char>(text[--before]) & 0xc0U) == 0x80U) {
  }
  // One character on each side, as a text of its own.
  for (const std::string_view side : {text.substr(before, begin - before), text.substr(end, 4)}) {
    const auto match = word_->find(side, 0);
    if (!match) return tl::unexpected(match.error());
    if (*match && (*match)->begin == 0) return true;
  }
  return false;
}

Expected<void> AddedTokens::split(std::string_view text, const TakeStretch& take) {
  std::size_t done = 0;
  std::size_t space_begin = 0, space_end = 0;  // a run of white space behind a token that took it
  const auto between = [&](std::size_t end) -> Expected<void> {
    return done < end ? take(text.substr(done, end - done), done, std::nullopt) : Expected<void>();
  };
  for (std::size_t at = 0; at < text.size() && !tokens_.empty();) {
    const AddedToken* token =
        begins_[static_cast<unsigned char>(text[at])] ? longest_at(text.substr(at)) : nullptr;
    if (token == nullptr) {
      ++at;
      continue;
    }
    std::size_t begin = at, end = at + token->content.size();
    at = end;
    if (token->single_word) {
      const auto inside = inside_word(text, begin, end);
      if (!inside) return tl::unexpected(inside.error());
      if (*inside) continue;
    }
    // What a token before has taken is not taken again.
    if (token->lstrip) begin = begin > done ? begin - trailing_space(text.substr(done, begin - done)) : done;
    if (token->rstrip) {
      // Tokens may begin inside the run, and then take its rest: it is measured once.
      if (end < space_begin || end >= space_end) {
        space_begin = end;
        space_end = end + leading_space(text.substr(end));
      }
      end = std::max(end, space_end);
    }
    if (begin > end)
      return input_error(fmt::format(
          "added_tokens: '{}' stands in white space that a token before it takes (byte {} of a piece); the "
          "tokenizers package fails there",
          token->content, at));
    if (auto given = between(begin); !given) return given;
    if (begin < end) {  // else all of it was taken before
      if (auto given = take(text.substr(begin, end - begin), begin, token->id); !given) return given;
    }
    done = end;
  }
  return between(text.size());
}

}  // namespace pastonly::input

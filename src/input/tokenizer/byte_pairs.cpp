#include "input/tokenizer/byte_pairs.h"

#include <fmt/format.h>

#include <algorithm>

#include "input/text/code_point.h"
#include "input/tokenizer/byte_alphabet.h"

namespace pastonly::input {
namespace {

constexpr std::size_t longest_kept = 256;  // bytes of a word that is remembered
constexpr std::size_t most_kept = std::size_t{1} << 18;
constexpr std::size_t most_symbols = std::size_t{1} << 26;

std::uint64_t neighbours(std::uint32_t left, std::uint32_t right) noexcept {
  return std::uint64_t{left} << 32 | right;
}

/// The first and last units of a token: its characters, or of a byte-level one the same, which stand for
/// bytes.
std::uint32_t first_unit(std::string_view token) noexcept {
  const auto point = first_code_point(token);
  return point ? point->value : 0;
}
std::uint32_t last_unit(std::string_view token) noexcept {
  std::size_t at = token.size() - 1;
  while (at > 0 && (static_cast<unsigned char>(token[at]) & 0xc0U) == 0x80U) --at;
  return first_unit(token.substr(at));
}

}  // namespace

Expected<BytePairs> BytePairs::make(const BytePairParts& parts, bool byte_level) {
  BytePairs out;
  out.byte_level_ = byte_level;
  out.fuse_unknown_ = parts.fuse_unknown;
  out.byte_fallback_ = parts.byte_fallback;
  out.of_ascii_.fill(-1);
  const auto id_of_token = [&](std::string_view token) -> std::optional<std::uint32_t> {
    const auto at = parts.vocab.find(token);
    return at == parts.vocab.end() ? std::nullopt : std::optional(at->second);
  };
  if (!parts.unknown.empty()) {
    out.unknown_ = id_of_token(parts.unknown);
    if (!out.unknown_)
      return input_error(
          fmt::format("model.unk_token: '{}' is not in the vocabulary", parts.unknown.substr(0, 60)));
  }
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    out.of_byte_[byte] = id_of_token(byte_character(static_cast<unsigned char>(byte)));
    out.fallback_[byte] = id_of_token(fmt::format("<0x{:02X}>", byte));
  }
  const bool all_bytes = std::ranges::all_of(out.of_byte_, [](const auto& id) { return id.has_value(); });
  if (byte_level && parts.byte_fallback && !all_bytes)
    return input_error(
        "model.byte_fallback: beside ByteLevel with fewer than 256 characters is not supported");
  for (const auto& [token, id] : parts.vocab) {
    const auto point = token.empty() ? std::nullopt : first_code_point(token);
    if (point && point->bytes == token.size()) {
      out.of_code_.emplace(point->value, id);
      if (point->value < 128) out.of_ascii_[point->value] = static_cast<std::int32_t>(id);
    }
    if (!parts.whole_words) continue;
    auto word = byte_level ? bytes_of(token) : std::optional(token);
    if (!word) continue;
    out.longest_whole_ = std::max(out.longest_whole_, word->size());
    out.whole_.emplace(*std::move(word), id);
  }
  if (auto added = out.add_merges(parts, byte_level); !added) return tl::unexpected(added.error());
  return out;
}

Expected<void> BytePairs::add_merges(const BytePairParts& parts, bool byte_level) {
  merges_ = MergeTable(parts.merges.size());
  std::uint32_t rank = 0;
  for (const auto& [left, right] : parts.merges) {
    const std::string merged = left + right;
    for (const std::string* token : {&left, &right, &merged}) {
      if (token->empty() || !parts.vocab.contains(*token))
        return input_error(
            fmt::format("model.merges[{}]: '{}' is not in the vocabulary", rank, token->substr(0, 60)));
    }
    const std::uint32_t a = parts.vocab.find(left)->second, b = parts.vocab.find(right)->second;
    merges_.insert(a, b, {rank++, parts.vocab.find(merged)->second});
    const std::uint32_t last = last_unit(left), first = first_unit(right);
    if (!byte_level) {
      joins_.insert(neighbours(last, first));
    } else if (const auto from = byte_of(last), to = byte_of(first); from && to) {
      joins_.insert(neighbours(*from, *to));
    }
  }
  return {};
}

BytePairs::Unit BytePairs::unit_at(std::string_view text) const {
  if (byte_level_) return {static_cast<unsigned char>(text.front()), 1};
  const auto point = first_code_point(text);
  return point ? Unit{point->value, static_cast<std::uint32_t>(point->bytes)} : Unit{0xfffdU, 1};
}

std::optional<std::uint32_t> BytePairs::id_of(std::uint32_t code) const {
  if (byte_level_) return of_byte_[code];
  if (code < 128)
    return of_ascii_[code] < 0 ? std::nullopt : std::optional(static_cast<std::uint32_t>(of_ascii_[code]));
  const auto at = of_code_.find(code);
  return at == of_code_.end() ? std::nullopt : std::optional(at->second);
}

/// Where a part of a long word ends: between two known characters that no merge joins. The tokens on either
/// side of such a place end and begin with these two, whatever unknown ones became elsewhere, so both parts
/// are encoded as if they stood together.
std::size_t BytePairs::end_of_part(std::string_view word, std::size_t begin) const {
  Unit left = unit_at(word.substr(begin));
  std::size_t at = begin + left.bytes;
  bool left_known = id_of(left.code).has_value();
  while (at < word.size()) {
    const Unit right = unit_at(word.substr(at));
    const bool right_known = id_of(right.code).has_value();
    if (left_known && right_known && !joins_.contains(neighbours(left.code, right.code))) return at;
    left = right;
    left_known = right_known;
    at += right.bytes;
  }
  return word.size();
}

Expected<void> BytePairs::encode(std::string_view word, std::vector<std::int32_t>& out) {
  if (!whole_.empty() && word.size() <= longest_whole_) {
    if (const auto at = whole_.find(word); at != whole_.end()) {
      out.push_back(static_cast<std::int32_t>(at->second));
      return {};
    }
  }
  if (word.size() <= longest_kept) return encode_part(word, out);
  for (std::size_t begin = 0; begin < word.size();) {
    const std::size_t end = end_of_part(word, begin);
    if (auto done = encode_part(word.substr(begin, end - begin), out); !done) return done;
    begin = end;
  }
  return {};
}

Expected<void> BytePairs::encode_part(std::string_view part, std::vector<std::int32_t>& out) {
  const bool keep = part.size() <= longest_kept;
  if (keep) {
    if (const auto at = kept_.find(part); at != kept_.end()) {
      const auto first = kept_ids_.begin() + static_cast<std::ptrdiff_t>(at->second.first);
      out.insert(out.end(), first, first + at->second.count);
      return {};
    }
  }
  symbols_.clear();
  append_symbols(part);
  if (symbols_.size() > most_symbols)
    return input_error(
        fmt::format("a stretch of {} characters that cannot be taken apart; at most {} are encoded",
                    symbols_.size(), most_symbols));
  queue_.merge(merges_, symbols_);
  for (const std::uint32_t id : symbols_) out.push_back(static_cast<std::int32_t>(id));
  if (keep && kept_.size() < most_kept) {
    kept_.emplace(part, Kept{kept_ids_.size(), static_cast<std::uint32_t>(symbols_.size())});
    kept_ids_.insert(kept_ids_.end(), symbols_.begin(), symbols_.end());
  }
  return {};
}

void BytePairs::append_symbols(std::string_view part) {
  std::optional<std::uint32_t> pending;  // an unknown one, which waits for its neighbours
  while (!part.empty()) {
    const Unit unit = unit_at(part);
    if (const auto id = id_of(unit.code)) {
      if (pending) symbols_.push_back(*pending);
      pending.reset();
      symbols_.push_back(*id);
    } else {
      append_unknown(part.substr(0, unit.bytes), pending);
    }
    part.remove_prefix(unit.bytes);
  }
  if (pending) symbols_.push_back(*pending);
}

/// Bytes do not end the waiting, and a character without bytes or unknown token vanishes: both as in the
/// package.
void BytePairs::append_unknown(std::string_view character, std::optional<std::uint32_t>& pending) {
  const auto known = [&](char byte) { return fallback_[static_cast<unsigned char>(byte)].has_value(); };
  if (byte_fallback_ && std::ranges::all_of(character, known)) {
    for (const char byte : character) symbols_.push_back(*fallback_[static_cast<unsigned char>(byte)]);
    return;
  }
  if (!unknown_) return;
  if (pending && !fuse_unknown_) symbols_.push_back(*pending);
  pending = unknown_;
}

}  // namespace pastonly::input

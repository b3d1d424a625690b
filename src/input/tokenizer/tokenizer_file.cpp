#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "input/files/mapped_file.h"
#include "input/text/object_reader.h"
#include "input/text/printable.h"
#include "input/tokenizer/part_reading.h"
#include "input/tokenizer/tokenizer.h"

namespace pastonly::input {
namespace {

constexpr std::size_t largest_tokenizer_file = std::size_t{64} << 20;  // the largest known has 35 MB
constexpr std::uint64_t largest_id = (std::uint64_t{1} << 31) - 1;
constexpr std::size_t longest_added = 128;  // bytes of an added token

}  // namespace

/// Fills in a tokenizer from its file.
class TokenizerFile {
 public:
  explicit TokenizerFile(const std::filesystem::path& path) { out_.path_ = path.string(); }

  Expected<Tokenizer> read() {
    auto text = read_text(out_.path_, largest_tokenizer_file);
    if (!text) return tl::unexpected(text.error());
    const auto json = parse_json(*text, out_.path_, Error::Kind::input);
    if (!json) return tl::unexpected(json.error());
    text->clear();
    text->shrink_to_fit();
    auto done = parts(*json);
    if (!done)
      return input_error(printable(
          fmt::format("{0}: {1}. If the tokenizers package reads it, save the ids: python3 -c \"import "
                      "numpy, tokenizers; "
                      "numpy.save('ids.npy', "
                      "numpy.array(tokenizers.Tokenizer.from_file('{0}').encode(open('text.txt', newline='', "
                      "encoding='utf-8').read(), add_special_tokens=False).ids, 'int32'))\", and give them "
                      "as --tokens npy:ids.npy",
                      out_.path_, done.error().message)));
    return std::move(out_);
  }

 private:
  static const Json& at(const Json& json, const char* key) {
    static const Json nothing;
    const auto found = json.find(key);
    return found == json.end() ? nothing : *found;
  }

  Expected<void> parts(const Json& json) {
    if (!json.is_object() || !at(json, "model").is_object())
      return input_error("expected an object with a \"model\", as the tokenizers package writes it");
    auto normalizer = Normalizer::read(at(json, "normalizer"));
    if (!normalizer) return tl::unexpected(normalizer.error());
    out_.normalizer_ = *std::move(normalizer);
    auto pre_tokenizer = PreTokenizer::read(at(json, "pre_tokenizer"));
    if (!pre_tokenizer) return tl::unexpected(pre_tokenizer.error());
    out_.pre_tokenizer_ = *std::move(pre_tokenizer);
    if (auto done = model(at(json, "model")); !done) return done;
    return added(at(json, "added_tokens"));
  }

  Expected<void> model(const Json& json) {
    // Files of before 2020 leave the type out.
    const std::string type = json.contains("type") ? type_of(json) : "BPE";
    if (type != "BPE") return unsupported("model.type", fmt::format("'{}' (BPE alone is read)", type));
    ObjectReader read(json, "model");
    BytePairParts parts;
    parts.unknown = read.text("unk_token", "");
    parts.fuse_unknown = read.flag("fuse_unk", false);
    parts.byte_fallback = read.flag("byte_fallback", false);
    parts.whole_words = read.flag("ignore_merges", false);
    for (const char* affix : {"continuing_subword_prefix", "end_of_word_suffix"}) {
      if (!read.text(affix, "").empty())
        return unsupported(fmt::format("model.{}", affix), at(json, affix).dump());
    }
    if (read.number("dropout", 0.0, 0.0, 1.0) > 0.0)
      return unsupported("model.dropout", at(json, "dropout").dump());
    if (auto good = read.finish(); !good) return good;
    if (auto done = vocab(at(json, "vocab")); !done) return done;
    if (auto done = merges(at(json, "merges"), parts); !done) return done;
    parts.vocab = std::move(out_.vocab_);
    auto made = BytePairs::make(parts, out_.pre_tokenizer_.byte_level());
    out_.vocab_ = std::move(parts.vocab);
    if (!made) return tl::unexpected(made.error());
    out_.model_ = *std::move(made);
    return {};
  }

  Expected<void> vocab(const Json& json) {
    if (!json.is_object() || json.empty())
      return input_error("model.vocab: expected an object of tokens and ids");
    std::unordered_map<std::uint64_t, const std::string*> seen;
    for (const auto& [token, id] : json.get_ref<const Json::object_t&>()) {
      if (!id.is_number_unsigned() || id.get<std::uint64_t>() > largest_id)
        return input_error(fmt::format("model.vocab['{}']: expected an id from 0 to {}, found {}",
                                       token.substr(0, 60), largest_id, id.dump().substr(0, 40)));
      const auto number = id.get<std::uint64_t>();
      if (const auto [other, added] = seen.emplace(number, &token); !added)
        return input_error(fmt::format("model.vocab: '{}' and '{}' have the same id, {}",
                                       other->second->substr(0, 60), token.substr(0, 60), number));
      out_.vocab_.emplace(token, static_cast<std::uint32_t>(number));
    }
    return {};
  }

  /// Each as "a b", or as ["a", "b"] in newer files.
  static Expected<void> merges(const Json& json, BytePairParts& parts) {
    if (!json.is_array()) return input_error("model.merges: expected a list");
    parts.merges.reserve(json.size());
    for (std::size_t i = 0; i < json.size(); ++i) {
      const Json& merge = json[i];
      if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
        parts.merges.emplace_back(merge[0].get<std::string>(), merge[1].get<std::string>());
        continue;
      }
      const std::string text = merge.is_string() ? merge.get<std::string>() : "";
      const std::size_t space = text.find(' ');
      if (space == text.npos || text.find(' ', space + 1) != text.npos)
        return input_error(
            fmt::format("model.merges[{}]: expected two tokens, found {}", i,
                        merge.dump(-1, ' ', false, Json::error_handler_t::replace).substr(0, 60)));
      parts.merges.emplace_back(text.substr(0, space), text.substr(space + 1));
    }
    return {};
  }

  Expected<void> added(const Json& json) {
    if (!json.is_array() && !json.is_null()) return input_error("added_tokens: expected a list");
    std::vector<AddedToken> written, normalized;
    std::unordered_set<std::string> seen_normalized;
    for (std::size_t i = 0; i < json.size(); ++i) {
      auto token = added_token(json[i], fmt::format("added_tokens[{}]", i));
      if (!token) return tl::unexpected(token.error());
      if (const auto [earlier, fresh] = seen_.emplace(token->content, *token); !fresh) {
        if (earlier->second == *token) continue;
        return input_error(
            fmt::format("added_tokens[{}]: '{}' is there already, with other flags", i, token->content));
      }
      out_.added_.push_back(*token);
      if (!token->normalized) {
        written.push_back(*std::move(token));
        continue;
      }
      bool ignored = false;
      if (auto done = out_.normalizer_.apply(token->content, ignored, 64 * longest_added); !done) return done;
      if (token->content.empty())
        return input_error(fmt::format("added_tokens[{}]: nothing is left of it when normalised", i));
      // Of several that are then the same, the package finds the first.
      if (seen_normalized.insert(token->content).second) normalized.push_back(*std::move(token));
    }
    auto as_written = AddedTokens::make(std::move(written));
    if (!as_written) return tl::unexpected(as_written.error());
    out_.as_written_ = *std::move(as_written);
    auto after = AddedTokens::make(std::move(normalized));
    if (!after) return tl::unexpected(after.error());
    out_.normalized_ = *std::move(after);
    return {};
  }

  Expected<AddedToken> added_token(const Json& json, const std::string& path) {
    ObjectReader read(json, path);
    AddedToken out;
    out.content = read.text("content", std::nullopt);
    const std::uint64_t id = read.count("id", std::nullopt, 0, largest_id);
    const bool special = read.flag("special", false);
    out.single_word = read.flag("single_word", false);
    out.lstrip = read.flag("lstrip", false);
    out.rstrip = read.flag("rstrip", false);
    out.normalized = read.flag("normalized", !special);
    if (auto good = read.finish(); !good) return tl::unexpected(good.error());
    if (out.content.empty() || out.content.size() > longest_added)
      return input_error(fmt::format("{}.content: expected 1 to {} bytes", path, longest_added));
    const auto known = out_.vocab_.find(out.content);
    // To what is not in the vocabulary the package gives the next id, and warns where the file says another.
    const auto earlier = seen_.find(out.content);
    const std::uint64_t given = known != out_.vocab_.end() ? known->second
                                : earlier != seen_.end()
                                    ? earlier->second.id
                                    : std::max<std::uint64_t>(out_.vocab_.size(), behind_added_);
    if (id != given)
      return input_error(fmt::format("{}: '{}' has id {}, and the tokenizers package gives it {}", path,
                                     out.content, id, given));
    behind_added_ = std::max(behind_added_, id + 1);
    out.id = static_cast<std::uint32_t>(id);
    return out;
  }

  Tokenizer out_;
  TextMap<AddedToken> seen_;        // added tokens so far, by content
  std::uint64_t behind_added_ = 0;  // one more than the largest id of an added token so far
};

Expected<Tokenizer> Tokenizer::open(const std::filesystem::path& file) { return TokenizerFile(file).read(); }

}  // namespace pastonly::input

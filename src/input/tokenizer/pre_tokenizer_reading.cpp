#include "input/text/code_point.h"
#include "input/tokenizer/part_reading.h"
#include "input/tokenizer/pre_tokenizer.h"

namespace pastonly::input {
namespace {

/// Of GPT-2, Radford et al. 2019; the tokenizers package has it built in.
constexpr std::string_view gpt2_pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

}  // namespace

Expected<PreTokenizer> PreTokenizer::read(const Json& json) {
  PreTokenizer out;
  if (json.is_null()) return out;
  if (auto added = out.add(json, "pre_tokenizer"); !added) return tl::unexpected(added.error());
  return out;
}

Expected<void> PreTokenizer::add(const Json& json, const std::string& path) {
  if (steps_.size() >= most_parts)
    return input_error(fmt::format("{}: more than {} steps", path, most_parts));
  const std::string type = type_of(json);
  if (byte_level_) return unsupported(path, "a step behind ByteLevel");
  if (type == "Sequence") {
    const auto list = json.find("pretokenizers");
    if (list == json.end() || !list->is_array()) return input_error(path + ".pretokenizers: expected a list");
    for (std::size_t i = 0; i < list->size(); ++i) {
      if (auto added = add((*list)[i], fmt::format("{}.pretokenizers[{}]", path, i)); !added) return added;
    }
    return {};
  }
  if (type == "Split") return add_split(json, path);
  if (type == "Metaspace") return add_metaspace(json, path);
  if (type == "ByteLevel") return add_byte_level(json, path);
  return add_by_name(json, path, type);
}

namespace {

template <class Behaviour>
std::optional<Behaviour> behaviour_of(std::string_view name) {
  if (name == "Removed") return Behaviour::removed;
  if (name == "Isolated") return Behaviour::isolated;
  if (name == "MergedWithPrevious") return Behaviour::merged_with_previous;
  if (name == "MergedWithNext") return Behaviour::merged_with_next;
  if (name == "Contiguous") return Behaviour::contiguous;
  return std::nullopt;
}

}  // namespace

Expected<void> PreTokenizer::add_split(const Json& json, const std::string& path) {
  ObjectReader read(json, path);
  Step step{path, {}, Behaviour::isolated, read.flag("invert", false), "", PrefixScheme::never};
  const auto behaviour = behaviour_of<Behaviour>(read.text("behavior", std::nullopt));
  if (!behaviour)
    read.wrong("behavior", "Removed, Isolated, MergedWithPrevious, MergedWithNext or Contiguous");
  if (auto good = read.finish(); !good) return good;
  step.behaviour = *behaviour;
  auto pattern = read_pattern(json, path);
  if (!pattern) return tl::unexpected(pattern.error());
  step.pattern = *std::move(pattern);
  steps_.push_back(std::move(step));
  return {};
}

Expected<void> PreTokenizer::add_metaspace(const Json& json, const std::string& path) {
  ObjectReader read(json, path);
  Step step{path,
            {},
            Behaviour::merged_with_next,
            false,
            read.text("replacement", std::nullopt),
            PrefixScheme::always};
  // Files of before the scheme have a flag.
  const bool add_prefix = read.flag("add_prefix_space", true);
  const std::string scheme = read.text("prepend_scheme", add_prefix ? "always" : "never");
  if (scheme != "always" && scheme != "first" && scheme != "never")
    read.wrong("prepend_scheme", "always, first or never");
  if (scheme == "first") step.prefix = PrefixScheme::first;
  if (scheme == "never") step.prefix = PrefixScheme::never;
  const bool split = read.flag("split", true);
  if (auto good = read.finish(); !good) return good;
  const auto point = step.space.empty() ? std::nullopt : first_code_point(step.space);
  if (!point || point->bytes != step.space.size())
    return input_error(path + ".replacement: expected one character");
  if (split) {
    auto pattern = Regex::compile(literal_pattern(step.space));
    if (!pattern) return tl::unexpected(pattern.error());
    step.pattern = *std::move(pattern);
  }
  steps_.push_back(std::move(step));
  return {};
}

Expected<void> PreTokenizer::add_byte_level(const Json& json, const std::string& path) {
  ObjectReader read(json, path);
  const bool prefix = read.flag("add_prefix_space", std::nullopt), split = read.flag("use_regex", true);
  if (auto good = read.finish(); !good) return good;
  Step step{path,
            {},
            Behaviour::isolated,
            false,
            prefix ? " " : "",
            prefix ? PrefixScheme::always : PrefixScheme::never};
  if (split) {
    const auto written = pcre2_pattern(gpt2_pattern);
    if (!written) return tl::unexpected(written.error());
    auto pattern = Regex::compile(*written);
    if (!pattern) return tl::unexpected(pattern.error());
    step.pattern = *std::move(pattern);
  }
  steps_.push_back(std::move(step));
  byte_level_ = true;
  return {};
}

Expected<void> PreTokenizer::add_by_name(const Json& json, const std::string& path, const std::string& type) {
  ObjectReader read(json, path);
  std::string pattern;
  Step step{path, {}, Behaviour::isolated, false, "", PrefixScheme::never};
  if (type == "Digits") {
    pattern = R"(\p{N})";
    if (!read.flag("individual_digits", false)) step.behaviour = Behaviour::contiguous;
  } else if (type == "Punctuation") {
    pattern = R"([\p{P}$+<=>\^`|~])";  // Unicode's, and ASCII's own
    const auto behaviour = behaviour_of<Behaviour>(read.text("behavior", "Isolated"));
    if (!behaviour)
      read.wrong("behavior", "Removed, Isolated, MergedWithPrevious, MergedWithNext or Contiguous");
    step.behaviour = behaviour.value_or(Behaviour::isolated);
  } else if (type == "Whitespace") {
    pattern = fmt::format("[{0}]+|[^{0}\\p{{White_Space}}]+", word_characters);
    step.behaviour = Behaviour::removed;
    step.invert = true;
  } else if (type == "WhitespaceSplit") {
    pattern = R"(\p{White_Space})";
    step.behaviour = Behaviour::removed;
  } else {
    return unsupported(
        path, type.empty() ? "a pre-tokenizer without type" : fmt::format("the pre-tokenizer {}", type));
  }
  if (auto good = read.finish(); !good) return good;
  auto regex = Regex::compile(pattern);
  if (!regex) return tl::unexpected(regex.error());
  step.pattern = *std::move(regex);
  steps_.push_back(std::move(step));
  return {};
}

}  // namespace pastonly::input

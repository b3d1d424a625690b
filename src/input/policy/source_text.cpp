#include "input/policy/source_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <vector>

#include "input/text/json_object.h"
#include "stats/token_source.h"

namespace pastonly {

std::string name(const Source& source) {
  if (source.kind != "markov") return fmt::format("{}:{}", source.kind, source.vocab);
  return fmt::format("markov:vocab={},order={},successors={},seed={}", source.vocab, source.order,
                     source.successors, source.seed);
}

namespace input {
namespace {

constexpr std::string_view source_example =
    "for example uniform:64 or markov:vocab=64,order=2,successors=4,seed=7";

/// The member that a key names, or nullptr.
std::uint64_t* member(Source& source, std::string_view key) {
  if (key == "vocab") return &source.vocab;
  if (source.kind != "markov") return nullptr;
  if (key == "order") return &source.order;
  if (key == "successors") return &source.successors;
  return key == "seed" ? &source.seed : nullptr;
}

Source defaults(std::string_view kind) {
  Source source;
  source.kind = std::string(kind);
  if (kind == "markov") source.order = 1;
  return source;
}

Expected<Source> finished(Source source, bool successors_named) {
  if (source.kind == "markov" && !successors_named) {
    source.successors = std::min<std::uint64_t>(4, source.vocab);
  }
  if (const auto sound = stats::validate(source); !sound) return tl::unexpected(sound.error());
  return source;
}

std::optional<std::uint64_t> whole(std::string_view digits) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

std::string_view keys_of(const Source& source) {
  return source.kind == "markov" ? "vocab, order, successors, seed" : "vocab";
}

/// Sets key=value entries; "" or what is wrong.
std::string set_entries(std::string_view entries, Source& source, bool& successors_named) {
  std::vector<std::string_view> named;
  for (bool more = true; more;) {
    const auto entry = entries.substr(0, entries.find(','));
    more = entry.size() < entries.size();
    entries.remove_prefix(more ? entry.size() + 1 : entry.size());
    const auto key = entry.substr(0, entry.find('='));
    if (std::ranges::find(named, key) != named.end()) return fmt::format("'{}' is given twice", key);
    named.push_back(key);
    auto* const to = member(source, key);
    if (to == nullptr) return unknown_key(key, keys_of(source));
    const auto value = key.size() < entry.size() ? whole(entry.substr(key.size() + 1)) : std::nullopt;
    if (!value) return fmt::format("'{}' is not a whole number", key);
    *to = *value;
    successors_named = successors_named || key == "successors";
  }
  return "";
}

}  // namespace

Expected<Source> parse_source(std::string_view text) {
  const auto fail = [&](std::string_view why) {
    return usage_error(fmt::format("source '{}': {}; {}", text.substr(0, 120), why, source_example));
  };
  const auto colon = text.find(':');
  const auto kind = text.substr(0, colon);
  if (colon == text.npos || (kind != "uniform" && kind != "markov")) {
    return fail("unknown; write KIND:... with kind uniform or markov");
  }
  Source source = defaults(kind);
  const auto rest = text.substr(colon + 1);
  bool successors_named = false;
  if (const auto vocab = whole(rest)) {
    source.vocab = *vocab;
  } else if (const auto why = set_entries(rest, source, successors_named); !why.empty()) {
    return fail(why);
  }
  auto made = finished(std::move(source), successors_named);
  if (!made) return fail(made.error().message);
  return made;
}

Expected<Source> source_of(const Json& json, std::string_view where) {
  if (json.is_string()) {
    auto parsed = parse_source(json.get_ref<const std::string&>());
    if (!parsed) return usage_error(fmt::format("'{}': {}", where, parsed.error().message));
    return parsed;
  }
  if (!json.is_object()) return usage_error(fmt::format("'{}' is not an object", where));
  const auto kind = json.find("kind");
  if (kind == json.end() || (*kind != "uniform" && *kind != "markov")) {
    return usage_error(fmt::format("'{}.kind' is not uniform or markov", where));
  }
  Source source = defaults(kind->get_ref<const std::string&>());
  for (const auto& [key, value] : json.items()) {
    if (key == "kind") continue;
    auto* const to = member(source, key);
    if (to == nullptr) {
      return usage_error(
          fmt::format("unknown key '{}.{}' (kind, {})", where, key.substr(0, 60), keys_of(source)));
    }
    if (!value.is_number_unsigned()) {
      return usage_error(fmt::format("'{}.{}' is not a whole number of at least 0", where, key));
    }
    *to = value.get<std::uint64_t>();
  }
  if (source.vocab < 2) {
    return usage_error(fmt::format("'{}.vocab' is not a whole number of at least 2", where));
  }
  auto made = finished(std::move(source), json.contains("successors"));
  if (!made) return usage_error(fmt::format("'{}': {}", where, made.error().message));
  return made;
}

}  // namespace input
}  // namespace pastonly

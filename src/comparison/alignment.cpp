#include "comparison/alignment.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "comparison/token_places.h"

namespace pastonly::comparison {
namespace {

using Pairs = std::vector<std::pair<const LayerRecord*, const LayerRecord*>>;

/// How much better another way must agree to be taken instead of the plainest one, and how much of the routes
/// at least where even the shapes differ and no token ids tell.
constexpr double clearly_better = 0.25, least_agreement = 0.5;

std::string shape(const Layout& layout) { return fmt::format("{} x {}", layout.sequences, layout.positions); }

/// Layers are in ascending order in both.
Pairs paired(const Trace& first, const Trace& second, std::int64_t shift) {
  Pairs out;
  auto other = second.layers.begin();
  for (const LayerRecord& one : first.layers) {
    const std::int64_t wanted = static_cast<std::int64_t>(raw(one.index)) + shift;
    while (other != second.layers.end() && static_cast<std::int64_t>(raw(other->index)) < wanted) ++other;
    if (other == second.layers.end()) break;
    if (static_cast<std::int64_t>(raw(other->index)) == wanted) out.emplace_back(&one, &*other);
  }
  return out;
}

bool alike(const Pairs& pairs) {
  return std::ranges::all_of(pairs,
                             [](const auto& pair) { return pair.first->experts == pair.second->experts; });
}

/// Share of the first's routes that the second makes as well, over a sample of tokens and layers.
double sampled_agreement(const Pairs& pairs, const std::vector<Alignment::Stretch>& stretches) {
  constexpr std::size_t most_layers = 6, most_stretches = 16, most_tokens = 32;
  double routes = 0.0, common = 0.0;
  std::vector<std::uint8_t> masks[2];
  const auto sample = [](std::size_t count, std::size_t most, std::size_t i) {
    return i * count / std::min(count, most);
  };
  for (std::size_t p = 0; p < std::min(pairs.size(), most_layers); ++p) {
    const auto& [one, other] = pairs[sample(pairs.size(), most_layers, p)];
    for (std::size_t i = 0; i < std::min(stretches.size(), most_stretches); ++i) {
      const auto& stretch = stretches[sample(stretches.size(), most_stretches, i)];
      const std::size_t count = std::min(stretch.count, most_tokens), entries = count * one->experts;
      for (auto& mask : masks) mask.resize(entries);
      read_mask(*one, stretch.first, count, masks[0]);
      read_mask(*other, stretch.second, count, masks[1]);
      for (std::size_t e = 0; e < entries; ++e) {
        routes += masks[0][e];
        common += masks[0][e] & masks[1][e];
      }
    }
  }
  return routes > 0.0 ? common / routes : 0.0;
}

/// Shifts under which at least half of the shorter list of layers meets another, the smallest first. Dense
/// layers that one counts and the other does not are few.
std::vector<std::int64_t> layer_shifts(const Trace& first, const Trace& second) {
  constexpr std::int64_t most = 128;
  const std::size_t least = std::min(first.layers.size(), second.layers.size());
  std::vector<std::int64_t> out;
  for (std::int64_t size = 0; size <= most; ++size) {
    for (const std::int64_t shift : {-size, size}) {
      const std::size_t met = paired(first, second, shift).size();
      if (met > 0 && (shift == 0 || 2 * met >= least)) out.push_back(shift);
      if (size == 0) break;
    }
  }
  return out;
}

struct Way {
  std::size_t places = 0;
  std::int64_t shift = 0;
  double agreement = -1.0;
};

/// Clearly, or because it agrees altogether where the other does not.
bool better(double agreement, double than) {
  constexpr double altogether = 0.999, not_so = 0.95;
  return agreement > than + clearly_better || (agreement >= altogether && than < not_so);
}

std::optional<Way> best_way(const Trace& first, const Trace& second, const std::vector<TokenPlaces>& places) {
  std::optional<Way> best;
  for (const std::int64_t shift : layer_shifts(first, second)) {
    const Pairs pairs = paired(first, second, shift);
    if (!alike(pairs)) continue;
    for (std::size_t i = 0; i < places.size(); ++i) {
      const Way way{i, shift, sampled_agreement(pairs, places[i].stretches)};
      // Other numbers are other layers until routes say otherwise.
      if (shift != 0 && way.agreement < least_agreement) continue;
      const bool plainer = best && way.places == best->places && way.shift == best->shift;
      if (!best || (!plainer && better(way.agreement, best->agreement))) best = way;
    }
  }
  return best;
}

Error no_layers(const Trace& first, const Trace& second) {
  const Pairs same = paired(first, second, 0);
  if (const auto differs = std::ranges::find_if(
          same, [](const auto& pair) { return pair.first->experts != pair.second->experts; });
      differs != same.end())
    return {Error::Kind::input,
            fmt::format("layer {}: {} has {} experts and {} has {}", raw(differs->first->index), first.path,
                        differs->first->experts, second.path, differs->second->experts)};
  return {Error::Kind::input,
          fmt::format("{} and {}: no layer is recorded in both", first.path, second.path)};
}

Error no_places(const Trace& first, const Trace& second) {
  if (!first.tokens.empty() && !second.tokens.empty())
    return {
        Error::Kind::input,
        fmt::format(
            "no row of {} ({}) is found in {} ({}) by its token ids, nor half of one; compare runs of the "
            "same tokens",
            first.path, shape(first.layout), second.path, shape(second.layout))};
  return {
      Error::Kind::input,
      fmt::format(
          "{} holds {} tokens and {} {}, and token ids are not recorded in both; compare runs of the same "
          "tokens (--batch says how many rows a flat record has)",
          first.path, shape(first.layout), second.path, shape(second.layout))};
}

/// Rows that stand in one alone are left out; rows that do on both sides are other tokens.
Error other_tokens(const Trace& first, const Trace& second, const TokenPlaces& places) {
  static constexpr std::size_t most = 8;
  const auto rows = [](const std::vector<std::size_t>& which) {
    return fmt::format(
        "row{} {}{}", which.size() == 1 ? "" : "s",
        fmt::join(which.begin(), which.begin() + static_cast<std::ptrdiff_t>(std::min(most, which.size())),
                  ", "),
        which.size() > most ? ", ..." : "");
  };
  return {
      Error::Kind::input,
      fmt::format("{} of {} and {} of {} hold other token ids than any row of the other; compare runs of the "
                  "same tokens",
                  rows(places.only_first), first.path, rows(places.only_second), second.path)};
}

}  // namespace

Expected<Alignment> align(const Trace& first, const Trace& second) {
  auto places = token_places(first, second);
  if (places.empty()) return tl::unexpected(no_places(first, second));
  // Models without experts are compared by what they say of the tokens.
  auto way =
      first.layers.empty() && second.layers.empty() ? std::optional(Way{}) : best_way(first, second, places);
  if (!way) return tl::unexpected(no_layers(first, second));
  const bool same_shape =
      first.layout.sequences == second.layout.sequences && first.layout.positions == second.layout.positions;
  TokenPlaces& chosen = places[way->places];
  if (chosen.stretches.empty())
    return input_error(
        fmt::format("{} and {}: of no token a decision is recorded in both", first.path, second.path));
  const bool same_layers =
      std::ranges::equal(first.layers, second.layers, {}, &LayerRecord::index, &LayerRecord::index);
  const std::int64_t suspected = same_layers ? std::exchange(way->shift, 0) : 0;
  if (!chosen.only_first.empty() && !chosen.only_second.empty())
    return tl::unexpected(other_tokens(first, second, chosen));
  if (!chosen.known && !same_shape && way->agreement < least_agreement)
    return tl::unexpected(no_places(first, second));
  Alignment out;
  out.stretches = std::move(chosen.stretches);
  for (const auto& stretch : out.stretches) out.tokens += stretch.count;
  out.known = chosen.known;
  out.found = std::move(chosen.found);
  out.only_first = std::move(chosen.only_first);
  out.only_second = std::move(chosen.only_second);
  out.layer_shift = way->shift;
  out.suspected_shift = suspected;
  out.layers = paired(first, second, way->shift);
  if (way->shift != 0)
    out.found.push_back(
        fmt::format("layer {} of the first is layer {} of the second, and so on: the one counts layers "
                    "that the other does not",
                    raw(out.layers.front().first->index), raw(out.layers.front().second->index)));
  for (const LayerRecord& layer : first.layers) {
    if (std::ranges::none_of(out.layers, [&](const auto& pair) { return pair.first == &layer; }))
      out.layers_only_first.push_back(layer.index);
  }
  for (const LayerRecord& layer : second.layers) {
    if (std::ranges::none_of(out.layers, [&](const auto& pair) { return pair.second == &layer; }))
      out.layers_only_second.push_back(layer.index);
  }
  return out;
}

}  // namespace pastonly::comparison

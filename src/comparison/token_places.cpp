#include "comparison/token_places.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "comparison/row_finder.h"
#include "comparison/stretches.h"

namespace pastonly::comparison {
namespace {

/// Same places, or the second's rows begin `shift` tokens later (> 0) or earlier in the first's.
TokenPlaces by_place(const Trace& first, const Trace& second, std::ptrdiff_t shift) {
  TokenPlaces out;
  Stretches stretches(first, second);
  const std::size_t ones = first.layout.positions, others = second.layout.positions;
  for (std::size_t row = 0; row < first.layout.sequences; ++row) {
    for (std::size_t s = 0; s < others; ++s) {
      const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(s) + shift;
      if (at < 0 || at >= static_cast<std::ptrdiff_t>(ones)) continue;
      stretches.add(row * ones + static_cast<std::size_t>(at), row * others + s);
    }
  }
  out.stretches = stretches.take();
  const auto tokens = [](std::size_t count) {
    return fmt::format("{} token{}", count, count == 1 ? "" : "s");
  };
  if (shift > 0)
    out.found.push_back(
        fmt::format("the second's rows begin {} later", tokens(static_cast<std::size_t>(shift))));
  if (shift < 0)
    out.found.push_back(
        fmt::format("the second's rows begin {} earlier", tokens(static_cast<std::size_t>(-shift))));
  if (shift == 0 && others < ones)
    out.found.push_back(fmt::format("the second lacks the last {} of every row", tokens(ones - others)));
  if (shift == 0 && others > ones)
    out.found.push_back(fmt::format("the first lacks the last {} of every row", tokens(others - ones)));
  return out;
}

/// The valid tokens of both, one after the other.
TokenPlaces in_turn(const Trace& first, const Trace& second) {
  TokenPlaces out;
  Stretches stretches(first, second);
  std::size_t other = 0;
  for (std::size_t one = 0; one < first.layout.tokens(); ++one) {
    if (!first.is_real(one)) continue;
    while (!second.is_real(other)) ++other;
    stretches.add(one, other++);
  }
  out.stretches = stretches.take();
  out.found.push_back("rows are divided otherwise; the real tokens of both are taken in order");
  return out;
}

std::size_t count_real(const Trace& trace) {
  std::size_t count = 0;
  for (std::size_t token = 0; token < trace.layout.tokens(); ++token) count += trace.is_real(token) ? 1 : 0;
  return count;
}

}  // namespace

std::vector<TokenPlaces> token_places(const Trace& first, const Trace& second) {
  const bool same_shape =
      first.layout.sequences == second.layout.sequences && first.layout.positions == second.layout.positions;
  if (!first.tokens.empty() && !second.tokens.empty()) {
    // Padding may hold any id.
    bool same = same_shape;
    for (std::size_t token = 0; same && token < first.tokens.size(); ++token)
      same = first.is_real(token) == second.is_real(token) &&
             (!first.is_real(token) || first.tokens[token] == second.tokens[token]);
    if (!same) {
      const auto unmatched = [](const TokenPlaces& places) {
        return places.found_nothing || (!places.only_first.empty() && !places.only_second.empty());
      };
      TokenPlaces found = find_rows(first, second, false);
      if (unmatched(found)) {
        TokenPlaces of_decided = find_rows(first, second, true);
        if (!unmatched(of_decided)) found = std::move(of_decided);
      }
      if (found.found_nothing) return {};
      return {std::move(found)};
    }
    TokenPlaces plain = by_place(first, second, 0);
    plain.known = true;
    return {std::move(plain)};
  }
  std::vector<TokenPlaces> out;
  if (first.layout.sequences == second.layout.sequences) {
    const auto more = static_cast<std::ptrdiff_t>(first.layout.positions) -
                      static_cast<std::ptrdiff_t>(second.layout.positions);
    out.push_back(by_place(first, second, 0));
    if (more != 0) out.push_back(by_place(first, second, more));
  }
  const bool other_padding = first.valid != second.valid;
  if ((!same_shape || other_padding) && count_real(first) == count_real(second))
    out.push_back(in_turn(first, second));
  std::erase_if(out, [](const TokenPlaces& places) { return places.stretches.empty(); });
  return out;
}

}  // namespace pastonly::comparison

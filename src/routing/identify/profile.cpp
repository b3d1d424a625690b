#include "routing/identify/profile.h"

#include <algorithm>
#include <limits>

namespace pastonly::routing::hypotheses {
namespace {

constexpr auto lowest_key = std::numeric_limits<std::int32_t>::min();
constexpr auto highest_key = std::numeric_limits<std::int32_t>::max();

struct RowFacts {
  std::int32_t lowest_chosen = highest_key;
  std::int32_t highest_left = lowest_key;
  std::int32_t count = 0;
  std::int32_t nan = 0;
};

// Flat loops over one row of length n, so that the compiler can keep them in vector registers.
RowFacts read_row(const float* scores, const std::uint8_t* mask, std::size_t n, std::int32_t* keys,
                  std::int32_t* lowest_chosen, std::int32_t* highest_left, std::uint32_t* counts) {
  RowFacts facts;
  for (std::size_t e = 0; e < n; ++e) {
    const float score = scores[e];
    const std::int32_t key = order_key(score);
    const std::int32_t chosen = mask[e];
    const std::int32_t if_chosen = chosen != 0 ? key : highest_key;
    const std::int32_t if_left = chosen != 0 ? lowest_key : key;
    keys[e] = key;
    facts.nan |= static_cast<std::int32_t>(score != score);
    facts.count += chosen;
    facts.lowest_chosen = std::min(facts.lowest_chosen, if_chosen);
    facts.highest_left = std::max(facts.highest_left, if_left);
    lowest_chosen[e] = std::min(lowest_chosen[e], if_chosen);
    highest_left[e] = std::max(highest_left[e], if_left);
    counts[e] += static_cast<std::uint32_t>(chosen);
  }
  return facts;
}

/// The rank of the lowest chosen expert where ties go to the chosen: all above it, and the chosen ones.
std::size_t rank_of(const std::int32_t* keys, const std::uint8_t* mask, std::size_t n, std::int32_t lowest) {
  std::int32_t rank = 0;
  for (std::size_t e = 0; e < n; ++e) rank += static_cast<std::int32_t>(keys[e] > lowest || mask[e] != 0);
  return static_cast<std::size_t>(rank);
}

void add_row(const RowFacts& row, std::size_t token, const std::vector<std::int32_t>& keys,
             const std::uint8_t* mask, RunProfile& into) {
  const auto count = static_cast<std::size_t>(row.count);
  if (row.nan != 0 && !into.nan) {
    into.nan = true;
    into.first_nan = token;
  }
  if (into.tokens == 0) {
    into.smallest_count = into.largest_count = count;
    into.first_count_change = token;
  } else if (into.smallest_count == into.largest_count && count != into.smallest_count) {
    into.first_count_change = token;
  }
  into.smallest_count = std::min(into.smallest_count, count);
  into.largest_count = std::max(into.largest_count, count);
  ++into.tokens;
  if (count == 0) return;
  if (row.lowest_chosen >= row.highest_left) {
    into.deepest_rank = std::max(into.deepest_rank, count);
    return;
  }
  if (into.unordered++ == 0) into.first_unordered = token;
  into.deepest_rank = std::max(into.deepest_rank, rank_of(keys.data(), mask, keys.size(), row.lowest_chosen));
}

}  // namespace

RunProfile profile(const RunView& view) {
  const std::size_t n = view.experts();
  const std::size_t positions = view.layout().positions;
  RunProfile found;
  found.expert_counts.assign(n, 0);
  found.sequence_counts.assign(view.layout().sequences * n, 0);
  found.lowest_chosen.assign(n, highest_key);
  found.highest_left.assign(n, lowest_key);
  std::vector<std::int32_t> keys(n);
  for (std::size_t row = 0; row < view.layout().sequences; ++row) {
    auto* counts = found.sequence_counts.data() + row * n;
    for (std::size_t token = row * positions; token < (row + 1) * positions; ++token) {
      if (!view.routed(token)) continue;
      const auto facts = read_row(view.scores().data() + token * n, view.mask().data() + token * n, n,
                                  keys.data(), found.lowest_chosen.data(), found.highest_left.data(), counts);
      add_row(facts, token, keys, view.mask().data() + token * n, found);
    }
    for (std::size_t e = 0; e < n; ++e) found.expert_counts[e] += counts[e];
  }
  return found;
}

}  // namespace pastonly::routing::hypotheses

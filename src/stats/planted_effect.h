#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "stats/matched_permutation.h"
#include "stats/random.h"

namespace pastonly::stats {

/// The very data with an effect of this share planted into each treated member, after its own is taken from
/// it: it first shows what a random member shows in its place.
using Planting = std::function<std::vector<MatchedStratum>(double share, CounterRng& rng)>;

/// The smallest share, of 0.0001, 0.0003, 0.001, ... 0.3, 1, at which the planted effect is found in 19 of 20
/// plantings by matched_permutation_p at `level`. nullopt where even 1 is not found.
std::optional<double> least_planted_share(const Planting& plant, double level, std::uint64_t seed);

/// Strata that hold counts, with how much each treated member could have counted.
struct CountedStrata {
  std::vector<MatchedStratum> strata;
  std::vector<std::vector<double>> room;  // (strata, treated) decisions looked at
};
/// Adds to each treated member's count as much as the share of its room says, rounded at random.
Planting planted_counts(CountedStrata counted);

}  // namespace pastonly::stats

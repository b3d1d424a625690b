#include "stats/planted_effect.h"

#include <cmath>
#include <utility>

#include "stats/random.h"

namespace pastonly::stats {
namespace {

constexpr int plantings = 20, needed = 19;

/// Exchanges what two members show, in every place.
void exchange(MatchedStratum& stratum, std::size_t a, std::size_t b) {
  for (std::size_t k = 0; k < stratum.treated; ++k)
    std::swap(stratum.values[k * stratum.members + a], stratum.values[k * stratum.members + b]);
}

void plant(const std::vector<double>& room, double share, CounterRng& rng, MatchedStratum& stratum) {
  for (std::size_t k = 0; k < stratum.treated; ++k) {
    const std::size_t with = rng.below(stratum.members);
    // A treated member cannot stand where its own tokens changed; it stays then.
    if (!std::isnan(stratum.values[k * stratum.members + with])) exchange(stratum, k, with);
  }
  for (std::size_t k = 0; k < stratum.treated; ++k) {
    double& own = stratum.values[k * stratum.members + k];
    if (std::isnan(own)) own = 0.0;
    own += std::floor(share * room[k] + rng.uniform());
  }
}

bool found(const Planting& planted, double share, double level, std::uint64_t seed) {
  int times = 0;
  for (int planting = 0; planting < plantings; ++planting) {
    CounterRng rng(seed, 0x706c'616e'74ULL + static_cast<std::uint64_t>(planting));
    const auto strata = planted(share, rng);
    times +=
        matched_permutation_p(strata, seed + static_cast<std::uint64_t>(planting), 9'999) <= level ? 1 : 0;
    if (planting - times >= plantings - needed) return false;
  }
  return true;
}

}  // namespace

std::optional<double> least_planted_share(const Planting& planted, double level, std::uint64_t seed) {
  for (const double share : {0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0}) {
    if (found(planted, share, level, seed)) return share;
  }
  return std::nullopt;
}

Planting planted_counts(CountedStrata counted) {
  return [counted = std::move(counted)](double share, CounterRng& rng) {
    std::vector<MatchedStratum> strata = counted.strata;
    for (std::size_t i = 0; i < strata.size(); ++i) plant(counted.room[i], share, rng, strata[i]);
    return strata;
  };
}

}  // namespace pastonly::stats

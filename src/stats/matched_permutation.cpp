#include "stats/matched_permutation.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "kernels/elementary.h"
#include "stats/bound.h"
#include "stats/random.h"

namespace pastonly::stats {
namespace {

/// A treated member's place: who can be looked at there, and with which rank.
struct Place {
  std::vector<std::size_t> members;
  std::vector<double> ranks;  // (members), mean ranks of ties from 0, divided by their number
  double own = 0.0;           ///< of the treated member
};

Place place_of(const MatchedStratum& stratum, std::size_t k) {
  Place out;
  const double* values = &stratum.values[k * stratum.members];
  for (std::size_t i = 0; i < stratum.members; ++i) {
    if (!std::isnan(values[i])) out.members.push_back(i);
  }
  std::vector<std::size_t> order(out.members.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return values[out.members[a]] < values[out.members[b]]; });
  out.ranks.resize(order.size());
  for (std::size_t first = 0; first < order.size();) {
    std::size_t end = first;
    while (end < order.size() && values[out.members[order[end]]] == values[out.members[order[first]]]) ++end;
    const double rank = static_cast<double>(first + end - 1) / 2.0 / static_cast<double>(order.size());
    for (std::size_t i = first; i < end; ++i) out.ranks[order[i]] = rank;
    first = end;
  }
  for (std::size_t i = 0; i < out.members.size(); ++i) {
    if (out.members[i] == k) out.own = out.ranks[i];
  }
  return out;
}

/// Places from the one that fewest can stand in: who stands there is drawn first.
std::vector<Place> places_of(const MatchedStratum& stratum) {
  std::vector<Place> out;
  for (std::size_t k = 0; k < stratum.treated; ++k) out.push_back(place_of(stratum, k));
  std::stable_sort(out.begin(), out.end(),
                   [](const Place& a, const Place& b) { return a.members.size() < b.members.size(); });
  return out;
}

/// Draws who stands in each place, each member once.
double draw(const std::vector<Place>& places, std::vector<std::uint8_t>& taken, CounterRng& rng) {
  std::fill(taken.begin(), taken.end(), std::uint8_t{0});
  double sum = 0.0;
  for (const Place& place : places) {
    const std::size_t count = place.members.size();
    std::size_t i = rng.below(count);
    for (std::size_t tries = 0; taken[place.members[i]] != 0 && tries < 64 * count; ++tries)
      i = rng.below(count);
    taken[place.members[i]] = 1;
    sum += place.ranks[i];
  }
  return sum;
}

/// Whether every control shows 0 wherever it is looked at.
bool quiet(const MatchedStratum& stratum) {
  for (std::size_t k = 0; k < stratum.treated; ++k) {
    for (std::size_t i = stratum.treated; i < stratum.members; ++i) {
      const double value = stratum.values[k * stratum.members + i];
      if (!std::isnan(value) && value != 0.0) return false;
    }
  }
  return true;
}

double quiet_p(std::span<const MatchedStratum> strata) {
  double log2_p = 0.0;
  for (const MatchedStratum& stratum : strata) {
    double shown = 0.0;
    for (std::size_t k = 0; k < stratum.treated; ++k)
      shown += stratum.values[k * stratum.members + k] > 0.0 ? 1.0 : 0.0;
    const auto members = static_cast<double>(stratum.members), treated = static_cast<double>(stratum.treated);
    log2_p += log2_binomial(members - shown, treated - shown) - log2_binomial(members, treated);
  }
  return std::min(1.0, kernels::exp2(log2_p));
}

}  // namespace

double matched_permutation_p(std::span<const MatchedStratum> strata, std::uint64_t seed,
                             std::uint64_t most_draws) {
  std::vector<MatchedStratum> used;
  std::copy_if(strata.begin(), strata.end(), std::back_inserter(used),
               [](const MatchedStratum& s) { return s.treated > 0 && s.members > s.treated; });
  if (used.empty()) return 1.0;
  if (std::all_of(used.begin(), used.end(), quiet)) return quiet_p(used);
  std::vector<std::vector<Place>> places;
  std::size_t widest = 0;
  double observed = 0.0;
  for (const MatchedStratum& stratum : used) {
    places.push_back(places_of(stratum));
    widest = std::max(widest, stratum.members);
    for (const Place& place : places.back()) observed += place.own;
  }
  CounterRng rng(seed, 0x6d61'7463'68ULL);
  std::vector<std::uint8_t> taken(widest);
  std::uint64_t draws = 0, as_large = 0;
  // Few draws settle what is far from any level; only small p-values are worth more.
  for (const std::uint64_t until : {std::uint64_t{999}, std::uint64_t{9'999}, std::uint64_t{99'999}}) {
    for (; draws < std::min(until, most_draws); ++draws) {
      double sum = 0.0;
      for (const auto& stratum : places) sum += draw(stratum, taken, rng);
      as_large += sum >= observed - 1e-9 ? 1 : 0;
    }
    if (as_large > 20) break;
  }
  return static_cast<double>(as_large + 1) / static_cast<double>(draws + 1);
}

}  // namespace pastonly::stats

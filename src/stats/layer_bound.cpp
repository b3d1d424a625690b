#include "stats/layer_bound.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "kernels/elementary.h"
#include "stats/bound.h"

namespace pastonly::stats {
namespace {

template <class Member>
std::optional<double> sum(std::span<const LayerFacts::Bound> layers, Member member) {
  if (layers.empty()) return std::nullopt;
  double total = 0.0;
  for (const LayerFacts::Bound& layer : layers) {
    if (!(layer.*member)) return std::nullopt;
    total += *(layer.*member);
  }
  return total;
}

}  // namespace

LayerFacts::Bound expert_choice_bound(std::uint64_t experts, double top_k,
                                      std::optional<std::uint64_t> chunk) {
  LayerFacts::Bound bound;
  if (experts == 0 || !(top_k > 0.0)) return bound;
  const auto n = static_cast<double>(experts);
  const double floor = expert_choice_floor(n, std::min(top_k, n));
  bound.vacuous = floor <= 0.0;
  if (std::isfinite(floor)) bound.floor_bits = floor;
  bound.limit_bits = expert_choice_limit(n, top_k);
  if (chunk && *chunk > 0) {
    bound.chunk = chunk;
    bound.capacity_bits = expert_choice_capacity(experts, top_k, *chunk);
  }
  return bound;
}

Report::Totals bound_totals(std::span<const LayerFacts::Bound> layers, std::optional<std::uint64_t> vocab) {
  Report::Totals totals;
  totals.floor_bits = sum(layers, &LayerFacts::Bound::floor_bits);
  totals.capacity_bits = sum(layers, &LayerFacts::Bound::capacity_bits);
  totals.limit_bits = sum(layers, &LayerFacts::Bound::limit_bits);
  if (totals.floor_bits && vocab && *vocab >= 2) {
    totals.successors_identifiable = static_cast<std::uint64_t>(
        std::max(0.0, *totals.floor_bits / kernels::log2(static_cast<double>(*vocab))));
  }
  return totals;
}

}  // namespace pastonly::stats

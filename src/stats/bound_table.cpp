#include "stats/bound_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "kernels/elementary.h"
#include "stats/bound.h"

namespace pastonly::stats {
namespace {

constexpr std::uint64_t kMostLayers = 100'000;
constexpr std::uint64_t kMostExperts = 1'000'000;
constexpr std::uint64_t kMostTokens = std::uint64_t{1} << 40;

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

std::optional<std::string> fault(const BoundQuery& query) {
  if (query.experts < 1 || query.experts > kMostExperts) {
    return fmt::format("--experts must be between 1 and {}, not {}", kMostExperts, query.experts);
  }
  if (!(query.top_k > 0.0) || query.top_k > static_cast<double>(query.experts)) {
    return fmt::format("--top-k must be above 0 and at most --experts ({}), not {:g}", query.experts,
                       query.top_k);
  }
  if (query.chunk && (*query.chunk < 1 || *query.chunk > kMostTokens)) {
    return fmt::format("--chunk must be between 1 and {} tokens, not {}", kMostTokens, *query.chunk);
  }
  if (query.layers < 1 || query.layers > kMostLayers) {
    return fmt::format("--layers must be between 1 and {}, not {}", kMostLayers, query.layers);
  }
  if (query.vocab && *query.vocab < 2) {
    return fmt::format("--vocab must be at least 2, not {}", *query.vocab);
  }
  return std::nullopt;
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

Expected<BoundTable> bound_table(const BoundQuery& query) {
  if (auto problem = fault(query)) return usage_error(*std::move(problem));
  BoundTable table;
  const LayerFacts::Bound bound = expert_choice_bound(query.experts, query.top_k, query.chunk);
  for (std::uint64_t index = 0; index < query.layers; ++index) {
    Report::Layer layer;
    layer.index = static_cast<std::uint32_t>(index);
    layer.experts = query.experts;
    layer.top_k = query.top_k;
    layer.sparsity = query.top_k / static_cast<double>(query.experts);
    layer.facts.index = LayerIndex{layer.index};
    layer.facts.bound = bound;
    table.layers.push_back(std::move(layer));
  }
  table.totals = bound_totals(std::vector(query.layers, bound), query.vocab);
  return table;
}

}  // namespace pastonly::stats

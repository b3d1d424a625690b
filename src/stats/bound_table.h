#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "pastonly/error.h"
#include "pastonly/report.h"

namespace pastonly::stats {

/// What expert choice could carry through a layer of these shapes, as a report states it. `chunk` in
/// tokens, absent or 0 where unknown: then so is the capacity. A floor that is not finite (K = N) is
/// absent; vacuous says that the floor is not positive (K >= N/2). Requires 0 < top_k <= experts.
LayerFacts::Bound expert_choice_bound(std::uint64_t experts, double top_k,
                                      std::optional<std::uint64_t> chunk);

/// Sums over layers; absent where any layer's is. Successors identifiable: floor(floor_bits / log2 V),
/// absent without a vocabulary of at least 2.
Report::Totals bound_totals(std::span<const LayerFacts::Bound> layers, std::optional<std::uint64_t> vocab);

/// What `pastonly bound` was asked for.
struct BoundQuery {
  std::uint64_t experts = 0;  // N
  double top_k = 0.0;         // K, may be fractional
  std::optional<std::uint64_t> chunk = std::nullopt;
  std::uint64_t layers = 1;
  std::optional<std::uint64_t> vocab = std::nullopt;
};
struct BoundTable {
  std::vector<Report::Layer> layers;
  Report::Totals totals;
};
/// The table of equal layers 0 .. layers - 1. Shapes that make no sense are usage errors naming the
/// option.
Expected<BoundTable> bound_table(const BoundQuery& query);

}  // namespace pastonly::stats

#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

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

}  // namespace pastonly::stats

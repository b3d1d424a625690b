#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "pastonly/routing_rule.h"
#include "stats/random.h"

/// A batch as models see it: scores (or, for rules that score tokens themselves, features) by sequence
/// and position, whatever the router's order.
struct TrialBatch {
  std::size_t sequences = 0, positions = 0, width = 0;
  std::vector<float> values;  // (sequences, positions, width)

  float* token(std::size_t row, std::size_t position) {
    return values.data() + (row * positions + position) * width;
  }
};

/// What is observed of a batch: decisions, or gates where those carry the dependence; (sequences,
/// positions, width), compared entry by entry.
using Observe = std::function<std::vector<float>(const TrialBatch&, std::uint64_t seed)>;

/// Observes a rule's mask under `order`.
Observe observe_mask(const pastonly::RoutingRule& rule, pastonly::TokenOrder order);

enum class Axis { future, batch, order, length, chance };
inline constexpr Axis all_axes[] = {Axis::future, Axis::batch, Axis::order, Axis::length, Axis::chance};
std::string_view name(Axis axis);
bool declared(const pastonly::Dependence& dependence, Axis axis);

struct TrialOptions {
  std::size_t width = 4;
  bool ties = true;                 ///< draw tied scores as well
  std::size_t append_multiple = 1;  ///< appended tokens come in multiples of this
  float tolerance = 0.0F;           ///< for gates, relative: sums in another order round differently
};

/// One random intervention on that axis: whether anything changed that must not if the axis is
/// declared independent. False where the layout offers nothing to change.
bool flips(const Observe& observe, const pastonly::Layout& layout, Axis axis, const TrialOptions& options,
           pastonly::stats::CounterRng& rng);

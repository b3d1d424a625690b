#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "pastonly/matrix_view.h"

namespace pastonly::stats {

/// The values that units have at one place, out of `count`: experts of tokens in a layer.
struct ValueSets {
  std::span<const std::size_t> starts;    // (units + 1)
  std::span<const std::uint32_t> values;  // (starts.back())
  std::size_t count = 0;

  std::size_t units() const noexcept { return starts.empty() ? 0 : starts.size() - 1; }
  std::span<const std::uint32_t> of(std::size_t unit) const noexcept {
    return values.subspan(starts[unit], starts[unit + 1] - starts[unit]);
  }
};

/// The same units at two places, the second of which is to be predicted from the first.
struct Links {
  ValueSets from, to;
  MatrixView<const float> features;     // (units, features), finite, of the first place; no data = none
  std::span<const std::size_t> groups;  // where each group of units begins, and where the last one ends
};

/// How many of the second place's values a prediction named that names 1, 2, 3 and 4 times as many values as
/// the unit has, summed over the units of a group.
struct LinkHits {
  static constexpr std::size_t budgets = 4;
  using Named = std::array<double, budgets>;
  Named
      table{};  ///< by the mean, over the unit's first values, of how often each second value goes with them
  Named linear{};  ///< by a linear map of the features (least squares with a small ridge); 0 without features
  Named popular{};      ///< by how often values occur
  double values = 0.0;  ///< there were
};

/// One entry for each group. Each half of the units (halves.h) is predicted from the other; values that a
/// predictor holds equal are named in order of popularity. The map is fitted to at most 8,192 units of each
/// half, evenly spread.
std::vector<LinkHits> link_hits(const Links& links);

}  // namespace pastonly::stats

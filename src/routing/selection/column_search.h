#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "kernels/column_keys.h"

namespace pastonly::routing {

/// Searches the `target`-th largest key of sixteen columns at once, by interpolation between a key with too
/// many above it and one with too few (the Illinois variant of regula falsi, with bisection now and then).
/// Ends at a threshold that parts the column exactly, or at the key that is tied.
class ColumnSearch {
 public:
  /// `range` of the rows read, `target` one of them at least.
  ColumnSearch(const kernels::KeyBlock& block, const kernels::KeyRange& range, std::size_t columns,
               std::size_t target);

  /// Counts at these thresholds and moves the ends that they move.
  void look_at(const std::array<std::int32_t, kernels::key_columns>& thresholds);
  void run();

  /// Keys above it are `target`, or fewer: then `ties` of those equal to it belong to them.
  std::int32_t threshold(std::size_t column) const noexcept;
  std::size_t ties(std::size_t column) const noexcept;

 private:
  /// The target or more lie above `low`, fewer above `high`.
  struct Column {
    std::int32_t low, high;
    std::uint32_t above_low, above_high;
    double weight_low = 1.0, weight_high = 1.0;  // halved while the other end moves on
  };
  bool ended(const Column& column) const noexcept {
    return column.above_low == target_ || std::int64_t{column.high} - column.low <= 1;
  }
  bool all_ended() const noexcept;
  std::int32_t between(const Column& column, bool halve) const noexcept;
  void update(Column& column, std::int32_t threshold, std::uint32_t above) const noexcept;
  /// Moves both ends to keys that occur: what is tied ends here.
  void close_in();

  kernels::KeyBlock block_;
  std::size_t columns_;
  std::uint32_t target_;
  std::array<Column, kernels::key_columns> column_;
};

}  // namespace pastonly::routing

#include "routing/selection/column_search.h"

#include <algorithm>

namespace pastonly::routing {

using kernels::key_columns;

ColumnSearch::ColumnSearch(const kernels::KeyBlock& block, const kernels::KeyRange& range,
                           std::size_t columns, std::size_t target)
    : block_(block), columns_(columns), target_(static_cast<std::uint32_t>(target)), column_{} {
  const auto rows = static_cast<std::uint32_t>((block.rows + block.step - 1) / block.step);
  for (std::size_t c = 0; c < columns_; ++c) column_[c] = {range.lowest[c] - 1, range.highest[c], rows, 0};
}

bool ColumnSearch::all_ended() const noexcept {
  return std::all_of(column_.begin(), column_.begin() + static_cast<std::ptrdiff_t>(columns_),
                     [&](const Column& column) { return ended(column); });
}

std::int32_t ColumnSearch::between(const Column& column, bool halve) const noexcept {
  const std::int64_t width = std::int64_t{column.high} - column.low;
  std::int64_t offset = width / 2;
  if (!halve) {
    const double before = column.weight_low * (column.above_low - target_);
    const double behind = column.weight_high * (target_ - column.above_high);
    offset = static_cast<std::int64_t>(static_cast<double>(width) * (before / (before + behind)));
  }
  return static_cast<std::int32_t>(column.low + std::clamp<std::int64_t>(offset, 1, width - 1));
}

void ColumnSearch::update(Column& column, std::int32_t threshold, std::uint32_t above) const noexcept {
  if (ended(column) || threshold <= column.low || threshold >= column.high) return;
  if (above >= target_) {
    column.low = threshold;
    column.above_low = above;
    column.weight_high *= 0.5;
    column.weight_low = 1.0;
  } else {
    column.high = threshold;
    column.above_high = above;
    column.weight_low *= 0.5;
    column.weight_high = 1.0;
  }
}

void ColumnSearch::look_at(const std::array<std::int32_t, key_columns>& thresholds) {
  std::array<std::uint32_t, key_columns> above{};
  kernels::count_above(block_, thresholds.data(), above.data());
  for (std::size_t c = 0; c < columns_; ++c) update(column_[c], thresholds[c], above[c]);
}

void ColumnSearch::close_in() {
  kernels::KeyRange range{};
  for (std::size_t c = 0; c < columns_; ++c) {
    range.lowest[c] = column_[c].low;
    range.highest[c] = column_[c].high;
  }
  kernels::tighten(block_, range);
  for (std::size_t c = 0; c < columns_; ++c) {
    if (ended(column_[c])) continue;
    column_[c].low = range.lowest[c] - 1;
    column_[c].high = range.highest[c];
  }
}

void ColumnSearch::run() {
  constexpr std::size_t halve_every = 3, close_in_every = 6;
  for (std::size_t pass = 1; !all_ended(); ++pass) {
    if (pass % close_in_every == 0) {
      close_in();
      continue;
    }
    std::array<std::int32_t, key_columns> thresholds{};
    for (std::size_t c = 0; c < columns_; ++c) {
      const Column& column = column_[c];
      thresholds[c] = ended(column) ? column.low : between(column, pass % halve_every == 0);
    }
    look_at(thresholds);
  }
}

std::int32_t ColumnSearch::threshold(std::size_t column) const noexcept {
  const Column& found = column_[column];
  return found.above_low == target_ ? found.low : found.high;
}

std::size_t ColumnSearch::ties(std::size_t column) const noexcept {
  const Column& found = column_[column];
  return found.above_low == target_ ? 0 : target_ - found.above_high;
}

}  // namespace pastonly::routing

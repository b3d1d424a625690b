#pragma once

#include <cstddef>
#include <vector>

#include "comparison/difference.h"

namespace pastonly::comparison {

/// A row's positions one by one, summed up at the lengths asked for.
class UnitSums {
 public:
  UnitSums(const std::vector<std::size_t>& lengths, std::size_t positions) {
    for (const std::size_t length : lengths) {
      if (length <= positions) lengths_.push_back(length);
    }
    each_.resize(lengths_.empty() ? 0 : lengths_.back());
  }
  UnitChange* at(std::size_t position) { return position < each_.size() ? &each_[position] : nullptr; }
  /// Up to each of the lengths, those that are asked for and not longer than the row.
  std::vector<UnitChange> sums() const;

 private:
  std::vector<std::size_t> lengths_;
  std::vector<UnitChange> each_;  // (longest length)
};

}  // namespace pastonly::comparison

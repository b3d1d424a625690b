#pragma once

#include <cstddef>
#include <vector>

namespace pastonly::routing {

/// Counts of ranks with prefix sums in O(log n): P. Fenwick, 1994.
class RankCounts {
 public:
  void reset(std::size_t ranks) { counts_.assign(ranks + 1, 0); }
  void add(std::size_t rank) {
    for (std::size_t i = rank + 1; i < counts_.size(); i += i & (0 - i)) ++counts_[i];
  }
  /// How many were added with a rank below this one.
  std::size_t below(std::size_t rank) const {
    std::size_t sum = 0;
    for (std::size_t i = rank; i > 0; i -= i & (0 - i)) sum += counts_[i];
    return sum;
  }

 private:
  std::vector<std::size_t> counts_;
};

}  // namespace pastonly::routing

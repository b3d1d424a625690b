#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace pastonly::stats {

/// Units in two halves, each of which is predicted from the other: groups of even and of odd number; a single
/// group is split in the middle.
struct Halves {
  std::vector<std::uint8_t> half;  // (units) 0 or 1
  std::vector<std::size_t> group;  // (units)
  /// `groups`: where each group of units begins, and where the last one ends.
  explicit Halves(std::span<const std::size_t> groups);
};

/// Values by how often they occurred: the rank of each, 0 for the most frequent; of equally frequent ones the
/// lower comes first.
std::vector<std::size_t> popularity(std::span<const std::size_t> counts);

}  // namespace pastonly::stats

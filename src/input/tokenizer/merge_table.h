#pragma once

#include <cstdint>
#include <vector>

namespace pastonly::input {

/// What two neighbouring tokens become, and how early.
struct Merge {
  std::uint32_t rank;  ///< smaller goes first
  std::uint32_t id;
};

/// The merges of a byte-pair encoding by their pairs: open addressing, since it is asked several times a
/// character.
class MergeTable {
 public:
  explicit MergeTable(std::size_t merges = 0);
  /// Of a pair that is there already, the later holds.
  void insert(std::uint32_t left, std::uint32_t right, Merge merge);
  /// nullptr where the two do not merge.
  const Merge* find(std::uint32_t left, std::uint32_t right) const noexcept;

 private:
  struct Slot {
    std::uint64_t pair;
    Merge merge;
  };
  std::size_t slot_of(std::uint64_t pair) const noexcept;
  std::vector<Slot> slots_;  // a power of two, half of them free
};

/// Merges the symbols of one word in place.
class MergeQueue {
 public:
  /// The smallest rank first, among equals the leftmost, until no two neighbours merge.
  void merge(const MergeTable& table, std::vector<std::uint32_t>& symbols);

 private:
  struct Waiting {
    std::uint32_t rank, at, id;
  };
  void merge_short(const MergeTable& table, std::vector<std::uint32_t>& symbols);
  void merge_long(const MergeTable& table, std::vector<std::uint32_t>& symbols);
  void look_at(const MergeTable& table, const std::vector<std::uint32_t>& symbols, std::uint32_t at);

  std::vector<Waiting> heap_;
  std::vector<std::uint32_t> previous_, next_;
};

}  // namespace pastonly::input

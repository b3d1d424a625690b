#pragma once

#include <cstddef>

#include "pastonly/layout.h"

namespace pastonly::routing::hypotheses {

/// Which tokens a rule routes together, and in which order it takes them: the whole batch in one of
/// the two token orders, or each sequence alone.
struct Grouping {
  bool per_sequence = false;
  TokenOrder order = TokenOrder::batch_major;
  friend bool operator==(const Grouping&, const Grouping&) = default;
};

/// The groups of one batch under a grouping.
class Groups {
 public:
  Groups(const Layout& layout, const Grouping& grouping) noexcept
      : layout_(layout),
        per_sequence_(grouping.per_sequence),
        strided_(!grouping.per_sequence && grouping.order == TokenOrder::sequence_major) {}

  std::size_t count() const noexcept { return per_sequence_ ? layout_.sequences : 1; }
  /// Tokens of a group, padding included.
  std::size_t size() const noexcept { return per_sequence_ ? layout_.positions : layout_.tokens(); }
  /// The batch-major token that a group takes as its i-th.
  std::size_t token(std::size_t group, std::size_t i) const noexcept {
    if (strided_) return (i % layout_.sequences) * layout_.positions + i / layout_.sequences;
    return group * layout_.positions + i;
  }
  std::size_t group_of(std::size_t token) const noexcept {
    return per_sequence_ ? token / layout_.positions : 0;
  }
  /// The inverse of `token`.
  std::size_t index_of(std::size_t token) const noexcept {
    const std::size_t row = token / layout_.positions, position = token % layout_.positions;
    if (per_sequence_) return position;
    return strided_ ? position * layout_.sequences + row : token;
  }

 private:
  Layout layout_;
  bool per_sequence_;
  bool strided_;
};

}  // namespace pastonly::routing::hypotheses

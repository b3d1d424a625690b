#pragma once

#include <cstddef>
#include <vector>

#include "pastonly/trace.h"
#include "replay/replay_rule.h"

namespace pastonly::replay {

/// Valid tokens (batch-major ids), with the padding where that counts, in the order in which they compete:
/// per sequence one group a row, else one group in router order. Lists are made only of what is asked for.
/// Refers to the trace.
class CompetingTokens {
 public:
  CompetingTokens(const Trace& trace, const ReplayRule& rule);

  /// Neighbours of one group.
  struct Stretch {
    std::size_t group = 0;
    std::size_t first = 0;
    std::size_t count = 0;
  };
  std::size_t groups() const noexcept { return per_sequence_ ? layout_.sequences : 1; }
  std::size_t size(std::size_t group) const noexcept;
  std::vector<std::size_t> tokens(const Stretch& stretch) const;
  std::vector<std::size_t> group(std::size_t group) const { return tokens({group, 0, size(group)}); }
  /// All groups cut into stretches of `width`, the last of each group shorter.
  std::vector<Stretch> stretches(std::size_t width) const;

 private:
  std::size_t at(std::size_t group, std::size_t index) const noexcept;

  Layout layout_;
  bool per_sequence_;
  std::vector<std::vector<std::size_t>> padded_;  // (groups) valid tokens; empty where all are valid
};

}  // namespace pastonly::replay

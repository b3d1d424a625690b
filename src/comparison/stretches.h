#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "comparison/alignment.h"
#include "pastonly/trace.h"

namespace pastonly::comparison {

/// Pairs of equal tokens become stretches, without what either recording did not decide. Both traces must
/// outlive it.
class Stretches {
 public:
  Stretches(const Trace& first, const Trace& second);

  void add(std::size_t one, std::size_t other);
  /// Ascending in `first`; of at most 4,096 tokens each, which are held in memory at once.
  std::vector<Alignment::Stretch> take();

 private:
  const Trace& first_;
  const Trace& second_;
  std::vector<std::uint8_t> decided_[2];
  std::vector<Alignment::Stretch> out_;
};

}  // namespace pastonly::comparison

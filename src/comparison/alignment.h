#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "pastonly/error.h"
#include "pastonly/trace.h"

namespace pastonly::comparison {

/// Which tokens and layers of two recordings are the same. Found, not assumed: engines leave out the last
/// token or a cached prefix, pad on either side, pack rows into one, give them back in another order, and
/// number layers with or without the dense ones.
struct Alignment {
  /// Consecutive tokens of one row each, batch-major numbers. Both recordings hold a decision of each.
  struct Stretch {
    std::size_t first = 0, second = 0, count = 0;
  };
  std::vector<Stretch> stretches;  ///< ascending in `first`
  std::uint64_t tokens = 0;        ///< of all stretches
  bool known = false;              ///< both hold token ids, and these agree
  /// What differs in place, a sentence each; empty where every token stands where the other's does.
  std::vector<std::string> found;
  std::vector<std::size_t> only_first, only_second;  ///< rows without a counterpart

  std::vector<std::pair<const LayerRecord*, const LayerRecord*>> layers;  ///< of the traces that were aligned
  std::int64_t layer_shift = 0;  ///< number of a layer in the second, less that in the first
  std::vector<LayerIndex> layers_only_first, layers_only_second;
  /// Both have the same layers, and routes agree clearly better if each is held against the one so many
  /// numbers on: one of the records is shifted. 0 = no.
  std::int64_t suspected_shift = 0;
};

/// Where both hold token ids, rows are found by them: whole rows, parts of rows, several in one. Else by
/// their shape, and of the ways that the shapes leave open the one under which clearly more routes agree.
/// Both traces must outlive the result. Input errors name both and say which rows the one lacks: no row of
/// one is in the other, shapes that leave nothing open, another number of experts, no layer in common.
Expected<Alignment> align(const Trace& first, const Trace& second);

}  // namespace pastonly::comparison

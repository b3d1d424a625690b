#pragma once

#include <cstddef>

#include "pastonly/layout.h"
#include "pastonly/routing_rule.h"
#include "routing/selection/capacity.h"

namespace pastonly::routing {

/// How the tokens that chose one expert are told apart once its slots run out.
enum class Precedence {
  first_come,  ///< by their order alone
  choice_major,
  by_merit,  ///< by a figure of each token: score, priority, balance
};

/// The dependence of token choice with a capacity, for one group laid out so. A capacity that no number
/// of choosing tokens can exceed makes the rule a top-k. `length` looks at any number of appended
/// tokens: C is recomputed, and in a batch-major group appended tokens of earlier sequences stand
/// before the later sequences.
Dependence capped_dependence(const Layout& layout, std::size_t experts, const Capacity& capacity,
                             std::size_t k, Precedence precedence);

/// `layout` with tokens appended to every sequence.
constexpr Layout appended(const Layout& layout, std::size_t tokens) noexcept {
  return {layout.sequences, layout.positions + tokens, layout.order};
}
/// The numbers of appended tokens that are tried: 1, 2, 4, ..., 2^20.
template <class Predicate>
bool any_append(const Layout& layout, Predicate&& predicate) {
  for (std::size_t tokens = 1; tokens <= std::size_t{1} << 20; tokens *= 2) {
    if (predicate(appended(layout, tokens))) return true;
  }
  return false;
}

}  // namespace pastonly::routing

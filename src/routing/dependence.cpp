#include "routing/dependence.h"

#include <algorithm>

namespace pastonly::routing {

Dependence capped_dependence(const Layout& layout, std::size_t experts, const Capacity& capacity,
                             std::size_t k, Precedence precedence) {
  const auto choices = static_cast<double>(std::min(k, experts));
  const std::size_t slots = capacity.of(layout.tokens(), experts, choices);
  const bool binds = capacity.binds(layout.tokens(), experts, choices);
  // With one choice per token choice-major is first come.
  const bool in_order =
      precedence == Precedence::first_come || (precedence == Precedence::choice_major && choices == 1.0);
  Dependence dependence;
  dependence.future = binds && !in_order;
  dependence.batch = binds && layout.sequences > 1;
  dependence.order = dependence.batch && precedence != Precedence::by_merit;
  // Appended tokens stand behind all others unless rows follow one another.
  const bool appended_last = layout.sequences == 1 || layout.order == TokenOrder::sequence_major;
  dependence.length = any_append(layout, [&](const Layout& longer) {
    const std::size_t more = capacity.of(longer.tokens(), experts, choices);
    const bool slots_change = std::min(slots, layout.tokens()) != std::min(more, layout.tokens());
    return slots_change ||
           (capacity.binds(longer.tokens(), experts, choices) && !(in_order && appended_last));
  });
  return dependence;
}

}  // namespace pastonly::routing

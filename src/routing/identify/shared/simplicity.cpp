#include "routing/identify/shared/simplicity.h"

#include <algorithm>

#include "routing/rule_traits.h"

namespace pastonly::routing::hypotheses {

void sort_by_simplicity(std::vector<RuleCandidate>& candidates) {
  std::ranges::stable_sort(candidates, {},
                           [](const RuleCandidate& one) { return rule_traits(one.id).simplicity; });
}

}  // namespace pastonly::routing::hypotheses

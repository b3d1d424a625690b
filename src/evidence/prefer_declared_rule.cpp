#include "evidence/prefer_declared_rule.h"

#include <algorithm>
#include <vector>

namespace pastonly::evidence {

void prefer_declared_rule(routing::Identification& layer, std::string_view rule) {
  const auto found = std::ranges::find_if(layer.rule.candidates, [&](const RuleCandidate& candidate) {
    return candidate.causal == true &&
           (candidate.id == rule ||
            std::ranges::find(candidate.equivalents, rule) != candidate.equivalents.end());
  });
  if (found == layer.rule.candidates.end()) return;
  const RuleCandidate known = *found;
  layer.rule.id = known.id;
  layer.rule.causal = known.causal;
  layer.rule.parameters = known.parameters;
  layer.rule.candidates = {known};
}

}  // namespace pastonly::evidence

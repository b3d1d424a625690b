#include "routing/loosely_fitted.h"

#include <algorithm>
#include <array>

#include "routing/rule_ids.h"

namespace pastonly::routing {

bool loosely_fitted(const RuleCandidate& candidate) {
  static constexpr std::array loose{
      ids::assignment,   ids::biased_top_k_same_batch, ids::gshard_top_2_random_second,
      ids::random_token, ids::unstable_capacity,       ids::expert_choice_shuffled};
  // Sinkhorn's own factors, recomputed, leave nothing open.
  if (candidate.id == ids::sinkhorn)
    return candidate.parameters.find("tolerance") == nullptr &&
           candidate.parameters.find("iterations") == nullptr;
  const Value* fit = candidate.parameters.find("fit");
  return std::ranges::find(loose, candidate.id) != loose.end() ||
         (fit != nullptr && fit->text() && *fit->text() == "free offset in every run");
}

}  // namespace pastonly::routing

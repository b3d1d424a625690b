#include "routing/identify/shared/simplicity.h"

#include <algorithm>
#include <array>

namespace pastonly::routing::hypotheses {
namespace {

// Explicit, since "simple" has no formula: exact counts in every chunk are worth more than one threshold
// or offset per expert, which happens to give them only by chance; the rest follows the table of rules.
constexpr std::array<std::string_view, 26> order{
    "top-k",
    "hash",
    "soft-moe",
    "column-normalised-gate",
    "mixture-of-depths",
    "expert-choice",
    "assignment",
    "mixture-of-depths(predictor)",
    "biased-top-k",
    "group-limited-top-k",
    "expert-threshold",
    "expert-choice(streaming)",
    "switch-capacity",
    "token-major-capacity",
    "fixed-capacity",
    "gshard-top-2",
    "batch-priority",
    "drop-by-score",
    "next-choice",
    "sinkhorn",
    "biased-top-k(same-batch)",
    // what chance leaves open
    "gshard-top-2(random-second)",
    "random-token",
    "unstable-capacity",
    "expert-choice(shuffled)",
    "noisy-top-k",
};

std::size_t place_of(const RuleCandidate& candidate) {
  return static_cast<std::size_t>(std::ranges::find(order, candidate.id) - order.begin());
}

}  // namespace

void sort_by_simplicity(std::vector<RuleCandidate>& candidates) {
  std::ranges::stable_sort(candidates, {}, place_of);
}

}  // namespace pastonly::routing::hypotheses

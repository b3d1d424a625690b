#include "routing/identify/offsets/moving_state.h"

#include <algorithm>

#include "routing/identify/shared/batches.h"

namespace pastonly::routing::hypotheses {
namespace {

/// The runs sorted by what they share with the first of each set.
std::vector<std::vector<std::size_t>> sets_of(const RunSet& runs, Kinship least) {
  std::vector<std::vector<std::size_t>> sets;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const auto its = std::ranges::find_if(
        sets, [&](const std::vector<std::size_t>& set) { return kinship(runs, set.front(), i) >= least; });
    if (its == sets.end()) {
      sets.push_back({i});
    } else {
      its->push_back(i);
    }
  }
  return sets;
}

}  // namespace

Movement movement(const RunSet& runs, const std::function<bool(const std::vector<std::size_t>&)>& agree) {
  bool repeated = false;
  for (const auto& set : sets_of(runs, Kinship::equal)) {
    if (set.size() < 2) continue;
    if (!agree(set)) return Movement::by_itself;
    repeated = true;
  }
  if (!repeated) return Movement::unknown;  // nothing shows that the offset would have stood still
  const auto families = sets_of(runs, Kinship::related);
  return std::ranges::all_of(families, agree) ? Movement::unknown : Movement::with_batch;
}

}  // namespace pastonly::routing::hypotheses

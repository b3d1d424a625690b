#include "routing/identify/capacity/bits_of_order.h"

#include <algorithm>
#include <functional>
#include <numbers>
#include <vector>

#include "kernels/elementary.h"

namespace pastonly::routing::hypotheses {
namespace {

/// Wishes for each expert of each group: scores no worse than the token's k-th best. (groups, experts)
std::vector<std::size_t> wishes(const RunView& view, const Groups& groups, std::size_t k) {
  const std::size_t n = view.experts();
  std::vector<std::size_t> wanted(groups.count() * n, 0);
  std::vector<float> sorted;
  for (std::size_t token = 0; token < view.tokens(); ++token) {
    if (!view.routed(token)) continue;
    const auto scores = view.scores().row(token);
    sorted.assign(scores.begin(), scores.end());
    const auto last = sorted.begin() + static_cast<std::ptrdiff_t>(k - 1);
    std::nth_element(sorted.begin(), last, sorted.end(), std::greater<>());
    for (std::size_t e = 0; e < n; ++e) wanted[groups.group_of(token) * n + e] += scores[e] >= *last ? 1 : 0;
  }
  return wanted;
}

double log2_choices(std::size_t of, std::size_t kept) {
  double bits = 0.0;
  for (std::size_t i = 1; i <= std::min(kept, of - kept) && bits < bits_beyond_chance; ++i)
    bits += kernels::log(static_cast<double>(of - i + 1) / static_cast<double>(i)) / std::numbers::ln2;
  return bits;
}

}  // namespace

double bits_of_order(const RunSet& runs, const AdmissionFit& fit) {
  double bits = 0.0;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const auto view = runs.view(i);
    const Groups groups(view->layout(), fit.grouping);
    const auto& kept =
        fit.grouping.per_sequence ? runs.profile(i).sequence_counts : runs.profile(i).expert_counts;
    const auto wanted = wishes(*view, groups, std::min(fit.k, view->experts()));
    for (std::size_t slot = 0; slot < wanted.size(); ++slot) {
      if (wanted[slot] > kept[slot]) bits += log2_choices(wanted[slot], kept[slot]);
      if (bits >= bits_beyond_chance) return bits;
    }
  }
  return bits;
}

}  // namespace pastonly::routing::hypotheses

#include "routing/identify/simple/token_choice_fit.h"

#include <fmt/format.h>

#include <algorithm>

#include "routing/rule_ids.h"

namespace pastonly::routing::hypotheses {
namespace {

/// The pair of a row that contradicts its own order: the lowest chosen, the highest left out.
Counterexample worst_pair(const RunView& view, std::size_t token) {
  const auto scores = view.scores().row(token);
  const auto mask = view.mask().row(token);
  std::optional<std::size_t> chosen, left;
  for (std::size_t e = 0; e < scores.size(); ++e) {
    auto& best = mask[e] != 0 ? chosen : left;
    const bool better = !best || (mask[e] != 0 ? scores[e] < scores[*best] : scores[e] > scores[*best]);
    if (better) best = e;
  }
  return chosen_over(view, token, chosen.value_or(0), left.value_or(0));
}

}  // namespace

void try_top_k(const RunSet& runs, Findings& findings) {
  std::size_t unordered = 0;
  for (std::size_t i = 0; i < runs.size(); ++i) unordered += runs.profile(i).unordered;
  const double explained = 1.0 - static_cast<double>(unordered) / static_cast<double>(runs.tokens());
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const auto& profile = runs.profile(i);
    if (profile.unordered == 0) continue;
    findings.reject(ids::top_k, worst_pair(*runs.view(i), profile.first_unordered), explained);
    return;
  }
  const std::size_t k = runs.largest_count();
  if (runs.smallest_count() != k) {
    for (std::size_t i = 0; i < runs.size(); ++i) {
      const auto& profile = runs.profile(i);
      if (profile.smallest_count == k) continue;
      const auto view = runs.view(i);
      const std::size_t token = profile.first_count_change;
      const auto row = view->mask().row(token);
      const auto count = std::ranges::count_if(row, [](std::uint8_t bit) { return bit != 0; });
      findings.reject(
          ids::top_k,
          place(*view, token,
                fmt::format("{} experts selected, but other tokens have a different number", count)));
      return;
    }
  }
  if (k == 0) {
    findings.reject(ids::top_k, "no token was routed to any expert");
    return;
  }
  findings.accept(ids::top_k, {{"k", k}},
                  {ids::k_means, ids::k_means_same_batch, ids::expert_autonomy, ids::hash, ids::biased_top_k,
                   ids::biased_top_k_same_batch, ids::quantile_balancing});
}

}  // namespace pastonly::routing::hypotheses

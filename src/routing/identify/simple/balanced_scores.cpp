#include "routing/identify/simple/balanced_scores.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "routing/rule_ids.h"

namespace pastonly::routing::hypotheses {
namespace {

constexpr double spread_limit = 1e-3;  // relative: float32 sums, an iteration that stops early
constexpr double chance = 0.05;        // of the spread of column sums that independent tokens would give

/// Largest difference over the mean; infinity where the mean is not positive.
double relative_spread(const std::vector<double>& sums) {
  const auto [least, most] = std::ranges::minmax_element(sums);
  double mean = 0.0;
  for (const double sum : sums) mean += sum / static_cast<double>(sums.size());
  return mean > 0.0 ? (*most - *least) / mean : INFINITY;
}

/// Rows that sum to the same figure, and how far column sums of independent tokens would be apart.
bool balanced_rows(const RunView& view, double column_spread) {
  std::vector<double> rows;
  double sum = 0.0, squares = 0.0;
  for (std::size_t token = 0; token < view.tokens(); ++token) {
    if (!view.routed(token)) continue;
    double row = 0.0;
    for (const float score : view.scores().row(token)) {
      if (!(score >= 0.0F)) return false;
      row += static_cast<double>(score);
      squares += static_cast<double>(score) * static_cast<double>(score);
    }
    sum += row;
    rows.push_back(row);
  }
  if (rows.size() < 2 || relative_spread(rows) > spread_limit) return false;
  const auto count = static_cast<double>(rows.size() * view.experts());
  const double mean = sum / count;
  const double deviation = std::sqrt(std::max(0.0, squares / count - mean * mean));
  return column_spread <= chance * deviation / (mean * std::sqrt(static_cast<double>(rows.size())));
}

}  // namespace

void try_balanced_scores(const RunSet& runs, Findings& findings) {
  if (!findings.accepted(ids::top_k) || runs.experts() < 2) return;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const double spread = relative_spread(runs.profile(i).score_sums);
    if (!(spread <= spread_limit) || !balanced_rows(*runs.view(i), spread)) return;
  }
  // No iteration is left to do: zero of them rank the matrix as it stands.
  findings.accept(ids::sinkhorn, {{"k", runs.largest_count()},
                                  {"iterations", 0},
                                  {"input", "probabilities"},
                                  {"fit", "scores are the balanced matrix"}});
}

}  // namespace pastonly::routing::hypotheses

#include "routing/identify/simple/column_gates.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "routing/rule_ids.h"

namespace pastonly::routing::hypotheses {
namespace {

constexpr std::size_t tokens_a_read = 1024;  // tokens read at a time
constexpr double relative = 2e-3;            // float32 gates, summed by the producer over many tokens

struct GateColumns {
  std::vector<double> sums;           // (experts) of the gates
  std::vector<double> lowest_ratio;   // (experts) gate / score over the chosen
  std::vector<double> highest_ratio;  // (experts)
};

GateColumns read_columns(const RunView& view) {
  const std::size_t n = view.experts();
  GateColumns columns{std::vector<double>(n, 0.0), std::vector<double>(n, INFINITY),
                      std::vector<double>(n, -INFINITY)};
  std::vector<float> gates(tokens_a_read * n);
  for (std::size_t first = 0; first < view.tokens(); first += tokens_a_read) {
    const std::size_t count = std::min(tokens_a_read, view.tokens() - first);
    read_gates(*view.run().layer, first, count, gates);
    for (std::size_t i = 0; i < count * n; ++i) {
      const std::size_t token = first + i / n, e = i % n;
      if (!view.routed(token) || view.mask()(token, e) == 0) continue;
      const auto gate = static_cast<double>(gates[i]);
      const double ratio = gate / static_cast<double>(view.scores()(token, e));
      columns.sums[e] += gate;
      columns.lowest_ratio[e] = std::min(columns.lowest_ratio[e], ratio);
      columns.highest_ratio[e] = std::max(columns.highest_ratio[e], ratio);
    }
  }
  return columns;
}

bool near(double a, double b) { return std::abs(a - b) <= relative * std::max(std::abs(a), std::abs(b)); }

/// Every expert that took a token has gates that sum to the same figure.
bool sums_agree(const GateColumns& columns, double to) {
  return std::ranges::all_of(columns.sums, [&](double sum) { return sum == 0.0 || near(sum, to); });
}

/// Gates are the scores but for one factor per expert, and the factors differ: a sum over tokens divides.
bool scaled_by_column(const GateColumns& columns) {
  double lowest = INFINITY, highest = -INFINITY;
  for (std::size_t e = 0; e < columns.sums.size(); ++e) {
    if (columns.sums[e] == 0.0) continue;
    if (!near(columns.lowest_ratio[e], columns.highest_ratio[e])) return false;
    lowest = std::min(lowest, columns.lowest_ratio[e]);
    highest = std::max(highest, columns.highest_ratio[e]);
  }
  return highest > 0.0 && !near(lowest, highest);
}

bool all_hold_gates(const RunSet& runs) {
  for (std::size_t i = 0; i < runs.size(); ++i) {
    if (!runs.run(i).layer->gates) return false;
  }
  return true;
}

template <class Holds>
bool every_run(const RunSet& runs, Holds&& holds) {
  for (std::size_t i = 0; i < runs.size(); ++i) {
    if (!holds(read_columns(*runs.view(i)))) return false;
  }
  return true;
}

}  // namespace

void try_column_gates(const RunSet& runs, Findings& findings) {
  const bool gates = all_hold_gates(runs);
  if (runs.experts() > 1 && runs.smallest_count() == runs.experts()) {
    if (!gates || every_run(runs, [](const GateColumns& columns) { return sums_agree(columns, 1.0); })) {
      findings.accept(ids::soft_moe, {});
    }
    return;
  }
  if (!gates || runs.largest_count() == 0 || runs.experts() < 2 || !findings.accepted(ids::top_k)) return;
  const bool normalised = every_run(runs, [](const GateColumns& columns) {
    const double to = *std::ranges::max_element(columns.sums);
    return to > 0.0 && sums_agree(columns, to) && scaled_by_column(columns);
  });
  if (normalised) findings.accept(ids::column_normalised_gate, {{"k", runs.largest_count()}});
}

}  // namespace pastonly::routing::hypotheses

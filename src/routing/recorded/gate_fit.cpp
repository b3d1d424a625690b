#include <algorithm>
#include <array>
#include <cmath>
#include <utility>
#include <vector>

#include "routing/recorded/gate_form.h"
#include "stats/least_squares.h"

namespace pastonly::routing {
namespace {

constexpr std::size_t fit_tokens = 2048;

struct Row {
  std::vector<std::size_t> experts;  // kept
  double gates = 0.0, scores = 0.0;  // sums over them
};

Row read_row(const GateSample& sample, GateForm::Transform transform, std::size_t token) {
  Row row;
  for (std::size_t e = 0; e < sample.kept.columns(); ++e) {
    if (sample.kept(token, e) == 0) continue;
    row.experts.push_back(e);
    row.gates += sample.gates(token, e);
    row.scores += transformed(transform, sample.scores(token, e));
  }
  return row;
}

using Terms = std::vector<std::pair<std::size_t, double>>;

/// g = c y + d_i in the unknowns (d, c); the bias is d / c.
std::optional<std::vector<double>> fit_plain(const GateSample& sample, GateForm::Transform transform,
                                             std::size_t tokens) {
  const std::size_t experts = sample.kept.columns();
  stats::LeastSquares system(experts + 1);
  for (std::size_t t = 0; t < tokens; ++t) {
    for (const std::size_t e : read_row(sample, transform, t).experts) {
      const Terms row{{e, 1.0}, {experts, transformed(transform, sample.scores(t, e))}};
      system.add(row, sample.gates(t, e));
    }
  }
  auto bias = system.solve();
  if (!bias || bias->back() == 0.0) return std::nullopt;
  const double slope = bias->back();
  bias->pop_back();
  for (double& offset : *bias) offset /= slope;
  return bias;
}

/// g_i sum_j (y_j + b_j) = c (y_i + b_i), c the sum of the token's gates: linear in b.
std::optional<std::vector<double>> fit_renormalised(const GateSample& sample, GateForm::Transform transform,
                                                    std::size_t tokens) {
  stats::LeastSquares system(sample.kept.columns());
  for (std::size_t t = 0; t < tokens; ++t) {
    const Row kept = read_row(sample, transform, t);
    if (kept.experts.size() < 2) continue;  // its gate is the scale whatever the bias
    for (const std::size_t e : kept.experts) {
      const double gate = sample.gates(t, e);
      Terms row{{e, -kept.gates}};
      for (const std::size_t other : kept.experts) row.emplace_back(other, gate);
      system.add(row, kept.gates * transformed(transform, sample.scores(t, e)) - gate * kept.scores);
    }
  }
  return system.solve();
}

}  // namespace

std::optional<GateForm> fitted_biased_form(const GateSample& sample) {
  const std::size_t tokens = std::min(fit_tokens, sample.kept.rows());
  std::optional<GateForm> best;
  const auto consider = [&](const std::optional<std::vector<double>>& bias) {
    if (!bias) return;
    GateForm form = best_biased_form(sample, *bias);
    if (!best || form.explained > best->explained) best = std::move(form);
  };
  for (const GateForm::Transform transform : {GateForm::Transform::identity, GateForm::Transform::sigmoid}) {
    consider(fit_plain(sample, transform, tokens));
    consider(fit_renormalised(sample, transform, tokens));
  }
  return best;
}

}  // namespace pastonly::routing

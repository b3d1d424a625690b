#include "routing/recorded/gate_form.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <utility>

#include "kernels/elementary.h"

namespace pastonly::routing {

double transformed(GateForm::Transform transform, double score) {
  switch (transform) {
    case GateForm::Transform::constant:
      return 1.0;
    case GateForm::Transform::exponential:
      return kernels::exp(score);
    case GateForm::Transform::sigmoid:
      return 1.0 / (1.0 + kernels::exp(-score));
    case GateForm::Transform::identity:
      break;
  }
  return score;
}

namespace {

using Transform = GateForm::Transform;
using Divisor = GateForm::Divisor;

/// Tokens on which a form must hold before the rest are looked at.
constexpr std::size_t first_look = 256;
constexpr double hopeless_share = 0.5;

constexpr std::array<std::pair<Transform, Divisor>, 11> gate_forms{{{Transform::identity, Divisor::none},
                                                                    {Transform::identity, Divisor::kept},
                                                                    {Transform::constant, Divisor::none},
                                                                    {Transform::constant, Divisor::kept},
                                                                    {Transform::identity, Divisor::top_k},
                                                                    {Transform::exponential, Divisor::kept},
                                                                    {Transform::exponential, Divisor::all},
                                                                    {Transform::exponential, Divisor::top_k},
                                                                    {Transform::sigmoid, Divisor::none},
                                                                    {Transform::sigmoid, Divisor::kept},
                                                                    {Transform::sigmoid, Divisor::top_k}}};

/// One token under one form: y of every expert that the divisor needs.
class TokenGates {
 public:
  TokenGates(const GateForm& form, const GateSample& sample, std::size_t token)
      : form_(form), sample_(sample), token_(token), divisor_(divisor()) {}

  double gate(std::size_t expert) const { return form_.scale * y(expert) / divisor_; }

 private:
  double y(std::size_t expert) const {
    return transformed(form_.transform, sample_.scores(token_, expert)) +
           (form_.bias.empty() ? 0.0 : form_.bias[expert]);
  }
  double divisor() const {
    const std::size_t experts = sample_.scores.columns();
    double sum = 0.0;
    switch (form_.divisor) {
      case Divisor::none:
        return 1.0;
      case Divisor::top_k:
        return top_sum();
      case Divisor::kept:
        for (std::size_t e = 0; e < experts; ++e) sum += sample_.kept(token_, e) != 0 ? y(e) : 0.0;
        return sum;
      case Divisor::all:
        for (std::size_t e = 0; e < experts; ++e) sum += y(e);
        return sum;
    }
    return sum;
  }
  double top_sum() const {
    std::vector<double> values;
    for (std::size_t e = 0; e < sample_.scores.columns(); ++e) values.push_back(y(e));
    const std::size_t k = std::min(sample_.top_k, values.size());
    std::partial_sort(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(k), values.end(),
                      std::greater<>());
    double sum = 0.0;
    for (std::size_t i = 0; i < k; ++i) sum += values[i];
    return sum;
  }

  const GateForm& form_;
  const GateSample& sample_;
  std::size_t token_;
  double divisor_;
};

/// visit(token, expert, prediction without scale) for every kept pair of tokens [0, tokens).
template <class Visit>
void each_kept(const GateForm& form, const GateSample& sample, std::size_t tokens, Visit&& visit) {
  GateForm unit = form;
  unit.scale = 1.0;
  for (std::size_t t = 0; t < tokens; ++t) {
    std::optional<TokenGates> gates;
    for (std::size_t e = 0; e < sample.kept.columns(); ++e) {
      if (sample.kept(t, e) == 0) continue;
      if (!gates) gates.emplace(unit, sample, t);
      visit(t, e, gates->gate(e));
    }
  }
}

/// Fits the scale (1 where 1 fits the median) and counts what is explained.
void judge(GateForm& form, const GateSample& sample, std::size_t tokens) {
  std::vector<double> ratios;
  std::vector<std::pair<double, double>> pairs;  // gate, prediction
  each_kept(form, sample, tokens, [&](std::size_t t, std::size_t e, double prediction) {
    const double gate = sample.gates(t, e);
    pairs.emplace_back(gate, prediction);
    if (std::isfinite(gate / prediction)) ratios.push_back(gate / prediction);
  });
  form.explained = 0.0;
  if (ratios.empty()) return;
  const auto middle = ratios.begin() + static_cast<std::ptrdiff_t>(ratios.size() / 2);
  std::nth_element(ratios.begin(), middle, ratios.end());
  form.scale = std::abs(*middle - 1.0) <= sample.tolerance ? 1.0 : *middle;
  std::size_t explained = 0;
  for (const auto& [gate, prediction] : pairs) {
    const double expected = form.scale * prediction;
    const double slack = sample.tolerance * std::max(std::abs(gate), std::abs(expected)) + 1e-7;
    explained += std::abs(gate - expected) <= slack ? 1 : 0;
  }
  form.explained = static_cast<double>(explained) / static_cast<double>(pairs.size());
}

GateForm best_form(const GateSample& sample, std::span<const double> bias) {
  GateForm best;
  best.bias.assign(bias.begin(), bias.end());
  for (const auto& [transform, divisor] : gate_forms) {
    if (divisor == Divisor::top_k && sample.top_k == 0) continue;
    if (transform == Transform::constant && !bias.empty()) continue;
    GateForm form{transform, divisor, 1.0, {bias.begin(), bias.end()}, 0.0};
    judge(form, sample, std::min(first_look, sample.kept.rows()));
    if (form.explained > hopeless_share && sample.kept.rows() > first_look)
      judge(form, sample, sample.kept.rows());
    if (form.explained > best.explained) best = std::move(form);
  }
  return best;
}

}  // namespace

std::string GateForm::description() const {
  const std::array<std::string, 4> names{"1", "score", "exp(score)", "sigmoid(score)"};
  std::string y = names.at(static_cast<std::size_t>(transform));
  if (!bias.empty()) y = fmt::format("({} + bias)", y);
  std::string text = y;
  if (divisor == Divisor::kept) text += fmt::format(" / sum of {} over the experts kept", y);
  if (divisor == Divisor::top_k) text += fmt::format(" / sum of {} over the top-k before drops", y);
  if (divisor == Divisor::all) text += fmt::format(" / sum of {} over all experts", y);
  if (scale != 1.0) text = fmt::format("{:.6g} * {}", scale, text);
  return text;
}

double predicted_gate(const GateForm& form, const GateSample& sample, std::size_t token, std::size_t expert) {
  return TokenGates(form, sample, token).gate(expert);
}

GateForm best_unbiased_form(const GateSample& sample) { return best_form(sample, {}); }

GateForm best_biased_form(const GateSample& sample, std::span<const double> bias) {
  return best_form(sample, bias);
}

}  // namespace pastonly::routing

#include "routing/identify/shared/findings.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace pastonly::routing::hypotheses {
namespace {

Value finite(double value) {
  // JSON has no infinities: a masked expert's score is written as text.
  return std::isfinite(value) ? Value(value) : Value(value > 0 ? "inf" : "-inf");
}

bool all_finite(const Value& value) {
  if (const auto number = value.number()) return std::isfinite(*number);
  if (const auto* array = value.array()) return std::ranges::all_of(*array, all_finite);
  if (const auto* object = value.object())
    return std::ranges::all_of(*object, [](const auto& member) { return all_finite(member.second); });
  return true;
}

bool is_causal(std::string_view id) {
  const RuleInfo* const info = find_rule(id);
  return info != nullptr && !info->usual.future;
}

}  // namespace

void Findings::accept(std::string_view id, Value::Object parameters,
                      const std::vector<std::string_view>& equivalents) {
  candidates.push_back(
      {std::string(id), is_causal(id), std::move(parameters), 1.0, {equivalents.begin(), equivalents.end()}});
}

void Findings::reject(std::string_view id, Counterexample at, std::optional<double> explained) {
  rejected.push_back({std::string(id), is_causal(id), explained, std::move(at), {}});
}

void Findings::reject(std::string_view id, std::string reason, std::optional<double> explained) {
  rejected.push_back({std::string(id), is_causal(id), explained, {}, std::move(reason)});
}

void Findings::reject_infinite() {
  std::erase_if(candidates, [&](const RuleCandidate& one) {
    if (all_finite(one.parameters)) return false;
    reject(one.id, "its parameters would be infinite");
    return true;
  });
}

bool Findings::accepted(std::string_view id) const noexcept {
  return std::ranges::any_of(candidates, [&](const RuleCandidate& one) { return one.id == id; });
}

Counterexample place(const RunView& view, std::size_t token, std::string what, Value::Object details) {
  const std::size_t positions = view.layout().positions;
  Counterexample at{view.run().run, token / positions, token % positions, {}, {}};
  at.message = fmt::format("run {} row {} position {}: {}", at.run, at.row, at.position, what);
  Value::Object all{{"run", std::size_t{at.run}}, {"row", at.row}, {"position", at.position}};
  for (auto& detail : details) all.push_back(std::move(detail));
  at.details = std::move(all);
  return at;
}

Counterexample chosen_over(const RunView& view, std::size_t token, std::size_t chosen, std::size_t left) {
  const double chosen_score = view.scores()(token, chosen);
  const double left_score = view.scores()(token, left);
  return place(view, token,
               fmt::format("expert {} ({:.6g}) chosen over expert {} ({:.6g})", chosen, chosen_score, left,
                           left_score),
               {{"chosen", chosen},
                {"chosen_score", finite(chosen_score)},
                {"left", left},
                {"left_score", finite(left_score)}});
}

}  // namespace pastonly::routing::hypotheses

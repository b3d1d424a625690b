#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "pastonly/routing_rule.h"
#include "routing/identify/identify.h"
#include "routing/identify/shared/run_view.h"

namespace pastonly::routing::hypotheses {

/// What the hypotheses report while they are tried. Whether a rule is causal is in the table of rules.
struct Findings {
  std::vector<RuleCandidate> candidates;
  std::vector<Rejection> rejected;

  void accept(std::string_view id, Value::Object parameters,
              const std::vector<std::string_view>& equivalents = {});
  void reject(std::string_view id, Counterexample at, std::optional<double> explained = {});
  void reject(std::string_view id, std::string reason, std::optional<double> explained = {});
  /// What infinite scores made infinite is no rule's parameter.
  void reject_infinite();
  bool accepted(std::string_view id) const noexcept;
};

/// "run 0 row 2 position 17: expert 5 (0.31) chosen over expert 2 (0.4)".
Counterexample chosen_over(const RunView& view, std::size_t token, std::size_t chosen, std::size_t left);
/// A place and what is wrong there.
Counterexample place(const RunView& view, std::size_t token, std::string what, Value::Object details = {});

}  // namespace pastonly::routing::hypotheses

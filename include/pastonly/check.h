#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "pastonly/intervention.h"
#include "pastonly/outcome.h"

namespace pastonly {

namespace evidence {
class Observations;  // src/evidence/observations.h: the subject's runs and what several checks compute of
                     // them
}  // namespace evidence

struct Policy;

/// What a check is given. Checks keep no state of their own.
struct CheckContext {
  evidence::Observations& observations;
  const Policy& policy;  ///< alpha, source; severities are the judge's business
  std::uint64_t seed = 0;
};

/// What a subject must offer for a check to run at all; the runner says what was missing.
struct Needs {
  bool scores = false;
  bool gates = false;
  bool log_probs = false;
  bool tokens = false;
  bool source = false;  ///< the policy names it
  bool weights = false;
  bool routes = false;  ///< routed layers; scores and gates are theirs as well
  bool pair = false;    ///< two recordings: only `compare` runs it
};

/// How long a check takes, about: for the progress display, and for what is said before a long audit.
struct Effort {
  /// The share of a live subject's budget that runs beyond the plan may take; no more runs than `most_runs`,
  /// and none where that share allows fewer than `least_runs`.
  double budget = 0.0;
  std::size_t least_runs = 1;
  std::size_t most_runs = 1U << 20;
  bool reroutes = false;  ///< ... and none where the subject runs under no other rule
  /// Its computing, in surveys of every layer of one recorded run; for each run that it reads.
  double passes = 0.5;
};

/// One audit: a constant record. One file in audits/, one line in audits/checks.h, one page in
/// docs/checks/, one leaky and one clean fixture (docs/contributing.md).
struct Check {
  std::string_view id;
  std::string_view title;
  std::string_view help;  ///< what it does and what to do about a finding; `explain` prints it
  Needs needs;
  Outcome (*run)(const CheckContext&);
  /// What it reads of a plan: where such runs have no output, the report says that it was not assessed on
  /// them.
  std::span<const Intervention::Kind> plan_runs = {};
  Effort effort = {};
};

/// The only list of checks, in report order.
std::span<const Check> all_checks() noexcept;
const Check* find_check(std::string_view id) noexcept;

}  // namespace pastonly

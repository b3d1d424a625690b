#pragma once

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
};

/// The only list of checks, in report order.
std::span<const Check> all_checks() noexcept;
const Check* find_check(std::string_view id) noexcept;

}  // namespace pastonly

#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pastonly/outcome.h"
#include "pastonly/policy.h"
#include "pastonly/report.h"

namespace pastonly::run {

/// What every check of a run came to, by check id, in report order.
using Outcomes = std::vector<std::pair<std::string, Outcome>>;

/// What a report says of a check itself: whether it ran, why not, what it measured.
Report::CheckEntry entry_of(std::string_view check, const Outcome& outcome, double seconds);

/// What further recordings of the same model bring to the verdict on one of them.
struct Company {
  std::vector<double> p_values;     ///< of their statistical claims: significance is corrected over all
  std::vector<std::string> checks;  ///< that ran on any of them
  std::vector<std::string> modes;   ///< of them
  std::uint64_t tokens = 0;         ///< the most that one of them has
};

/// Applies the policy: Holm's correction over every statistical claim of the run (an e-value counts
/// as p = 1/e), limits, severities, ignores, requirements. Fills report.findings, dismissed, verdict,
/// verdict_reasons, detection_limit and policy, and adds to not_assessed; rows that stand there
/// already (runs of a plan without output) count as not assessed too. Requires report.subject and
/// report.layers. `today` is YYYY-MM-DD. What the policy requires (checks, modes, tokens) is met where the
/// subject or its company meets it; what a pass rests on (interventions that could have seen) each needs.
void judge(const Outcomes& outcomes, const Policy& policy, std::string_view today, Report& report,
           const Company& company = {});

/// Judges a finished report and those beside it as one: the worst verdict of theirs, with its reasons. Input
/// error where they cannot be of one model: other layers, numbers of experts or vocabularies.
Expected<void> judge_together(const Policy& policy, std::string_view today, Report& report);

/// The verdict alone, of a report whose findings, detection limit and not_assessed are filled.
/// fail > error > inconclusive > pass (docs/formats.md); every reason is recorded, a sentence each.
void decide(const Outcomes& outcomes, const Policy& policy, std::string_view today, Report& report,
            const Company& company = {});

/// The outcomes that a finished report was made of, as far as it holds them.
Outcomes outcomes_of(const Report& report);

/// Judges a finished report again, under another policy. Only what the report holds can be judged:
/// a policy with another alpha or source would have changed what the checks measured, and is refused.
Expected<Report> judge_again(Report report, const Policy& policy, std::string_view today);

}  // namespace pastonly::run

#pragma once

#include "audits/shared/dependence_report.h"
#include "audits/shared/suffix_study.h"
#include "comparison/run_comparison.h"
#include "pastonly/check.h"
#include "pastonly/outcome.h"

namespace pastonly::audits {

/// Adds to `out` the detection limit of the suffix runs with what they covered, `trial_rate`, and
/// `moved_after_cut`, and the chart `influence` where no chance flips decisions. `future` holds the
/// comparisons of study.future(), in order, `evidence` what came of them. Runs of several rows count as
/// trials only where every row of them is settled. Where runs change by themselves the limits are 1, and
/// planted_share says what the test would find.
void report_limit(const CheckContext& context, const SuffixStudy& study,
                  const comparison::RunComparisons& future, const Evidence& evidence,
                  const GroupedRows& grouped, Ran& out);

}  // namespace pastonly::audits

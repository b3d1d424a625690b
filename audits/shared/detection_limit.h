#pragma once

#include "audits/shared/suffix_study.h"
#include "comparison/run_comparison.h"
#include "pastonly/check.h"
#include "pastonly/outcome.h"

namespace pastonly::audits {

/// Adds to `out` the detection limit of the suffix runs with what they covered, `trial_rate`, and
/// `moved_after_cut`. `future` holds the comparisons of study.future(), in order. Runs of several rows count
/// as trials only where every row of them is settled. Where chance flips decisions the limits are 1.
void report_limit(const CheckContext& context, const SuffixStudy& study,
                  const comparison::RunComparisons& future, const GroupedRows& grouped, Ran& out);

}  // namespace pastonly::audits

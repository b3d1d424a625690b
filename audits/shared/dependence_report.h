#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "audits/shared/dependence_words.h"
#include "audits/shared/judged_change.h"
#include "comparison/run_comparison.h"
#include "pastonly/check.h"
#include "pastonly/outcome.h"

namespace pastonly::audits {

/// Adds the claims of one study: `flip` where decisions changed, `change` where only floats did, `unsettled`
/// or `noise` where that is not told from noise, `rounding` and `numerical` where it moved within tolerance.
/// Against `neutral` regions see noise_test.h, and for what is proof judged_change.h. Shrinks the witness
/// where the subject is live.
Expected<Evidence> report_dependence(const CheckContext& context, comparison::References& references,
                                     const comparison::RunComparisons& compared_runs,
                                     std::span<const comparison::RunRegions> neutral,
                                     const DependenceWords& words, Ran& out);

/// The whole check of one dependence: compares, measures, states. `recorded` names the runs that it rests on,
/// for the reason why it is skipped without them.
Outcome check_dependence(const CheckContext& context,
                         const Expected<std::vector<comparison::RunRegions>>& comparisons,
                         const DependenceWords& words, std::string_view recorded);

/// Why a check with no run of its kind is skipped.
Skipped nothing_recorded(std::string_view what);

}  // namespace pastonly::audits

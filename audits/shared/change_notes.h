#pragma once

#include "audits/shared/dependence_words.h"
#include "audits/shared/judged_change.h"
#include "comparison/run_comparison.h"
#include "pastonly/check.h"
#include "pastonly/outcome.h"

namespace pastonly::audits {

// What is said of changes that accuse nobody: each adds a claim that is a note (docs/checks/causal-mask.md).

/// `numerical`: what products in 16 bits round, where no run says how far that is.
void report_numerical(const comparison::RunComparisons& compared_runs, const DependenceWords& words,
                      Ran& out);
/// `within-noise`, or `unsettled` with the number of repeats that would settle it.
void report_undecided(const CheckContext& context, const comparison::RunComparisons& compared_runs,
                      const Judgement& judged, const DependenceWords& words, Ran& out);
/// `rounding`, or `numerical` where more moves within tolerance than in unchanged runs. Nothing where nothing
/// did.
void report_rounding(const comparison::RunComparisons& compared_runs, const Judgement& judged,
                     const CheckContext& context, const DependenceWords& words, Ran& out);
/// `noise-by-place`.
void report_noise_by_place(const comparison::RunComparisons& compared_runs, const DependenceWords& words,
                           Ran& out);
/// `stochastic` where repeats flip decisions, and `broken-repeat`.
void report_chance(const comparison::RunComparisons& compared_runs, Ran& out);

}  // namespace pastonly::audits

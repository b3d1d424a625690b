#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "comparison/noise_test.h"
#include "comparison/run_comparison.h"
#include "pastonly/check.h"
#include "pastonly/outcome.h"

namespace pastonly::audits {

/// The sentences of one kind of intervention.
struct DependenceWords {
  std::string_view flip_id;
  std::string_view subject;   ///< "decisions of tokens before the cut"
  std::string_view change;    ///< "only later tokens of their own sequence were redrawn"
  std::string_view help;      ///< what to do about it
  bool moves_places = false;  ///< tokens stand elsewhere in the batch: noise may go by the place
};

/// What the runs of one kind prove about a dependence.
struct Evidence {
  enum class Strength {
    none,         ///< nothing changed, or rounding did
    noise,        ///< something changed, and no more than in runs that changed nothing that matters
    unsettled,    ///< something changed, and too few controls say what noise does
    statistical,  ///< more changed than noise makes, at the policy's level
    proof,        ///< and the noise is bounded: see report_dependence
  } strength = Strength::none;
  std::vector<LayerIndex> layers;  ///< where, from statistical on
  comparison::NoiseTest noise;
};

/// Adds the claims of one study: `flip` where decisions changed, `change` where only floats did, `unsettled`
/// or `noise` where that is not told from noise, `rounding` and `numerical` where it moved within tolerance.
/// Against `neutral` regions see noise_test.h. A change is proof where no repeat makes one of its kind up to
/// its layer and either the test's p-value is below 0.001, or one rule reproduces every decision of the layer
/// in all runs, so that none is random, or (live subjects) it comes with the change and goes without it, ten
/// times of ten. Shrinks the witness where the subject is live.
Expected<Evidence> report_dependence(const CheckContext& context, comparison::References& references,
                                     const comparison::RunComparisons& compared_runs,
                                     std::span<const comparison::RunRegions> neutral,
                                     const DependenceWords& words, Ran& out);

/// Adds the claim `stochastic` where repeats flip decisions: chance and dependence look alike there.
void report_chance(const comparison::RunComparisons& compared_runs, Ran& out);

/// The whole check of one dependence: compares, measures, states. `recorded` names the runs that it rests on,
/// for the reason why it is skipped without them.
Outcome check_dependence(const CheckContext& context,
                         const Expected<std::vector<comparison::RunRegions>>& comparisons,
                         const DependenceWords& words, std::string_view recorded);

/// Why a check with no run of its kind is skipped.
Skipped nothing_recorded(std::string_view what);

}  // namespace pastonly::audits

#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "audits/shared/judged_change.h"
#include "comparison/run_comparison.h"
#include "pastonly/check.h"
#include "pastonly/outcome.h"
#include "pastonly/routing_rule.h"

namespace pastonly::audits {

/// The sentences of one kind of intervention.
struct DependenceWords {
  bool Dependence::*axis;  ///< what a rule must depend on to show it
  std::string_view flip_id;
  std::string_view subject;   ///< "decisions of tokens before the cut"
  std::string_view change;    ///< "only later tokens of their own sequence were redrawn"
  std::string_view help;      ///< what to do about it
  bool moves_places = false;  ///< tokens stand elsewhere in the batch: noise may go by the place
};

/// Adds the claims of one study: `flip` where decisions changed, `change` where only floats did, `unsettled`
/// or `noise` where that is not told from noise, `rounding` and `numerical` where it moved within tolerance.
/// Against `neutral` regions see noise_test.h, and for what is proof judged_change.h. Shrinks the witness
/// where the subject is live.
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

/// "layers 1, 3"
std::string layer_list(const std::vector<LayerIndex>& layers);

/// Why a check with no run of its kind is skipped.
Skipped nothing_recorded(std::string_view what);

}  // namespace pastonly::audits

#pragma once

#include <string>
#include <utility>
#include <vector>

#include "input/text/parse_json.h"
#include "lab/evaluation.h"
#include "lab/experiment.h"
#include "lab/training_record.h"
#include "losses/logged_runs.h"
#include "pastonly/outcome.h"
#include "pastonly/report.h"

namespace pastonly::lab {

/// At most this many points, each the mean over the steps since the one before: (last step, bits).
std::vector<std::pair<std::uint64_t, double>> curve_of(const std::vector<double>& losses,
                                                       std::size_t points = 50);
/// What a report says of a finished arm. `batch` is what is routed together where the rule names no chunk.
Report::Experiment::Arm arm_entry(const Arm& arm, const Layout& batch, const EvaluationResult& result,
                                  const TrainingRecord& record);
/// The claim of source-floor for every arm: its loss on fresh tokens against the source's entropy.
Ran floor_claims(const Report::Experiment& experiment, double alpha);
/// The report's arms by group, with their curves and their losses on fresh tokens, for statistics over seeds.
/// Causal is what no declared dependence and no state of the same batch speaks against.
std::vector<losses::LoggedArm> groups_of(const Experiment& plan, const Report::Experiment& experiment);

}  // namespace pastonly::lab

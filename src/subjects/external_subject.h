#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "external/external_model.h"
#include "pastonly/subject.h"
#include "subjects/plan_options.h"
#include "subjects/run_inputs.h"

namespace pastonly::subjects {

struct ExternalOptions {
  std::string kind = "process";
  Layout layout{8, 128};
  std::uint64_t seed = 0;
  WantedTrials trials;
  std::uint64_t budget = std::uint64_t{1} << 16;  ///< Capabilities::budget
  std::optional<Source> drawn_from;               ///< SubjectInfo::drawn_from
  /// Of the answers to a plan together, which stay on disk while the audit lasts: the plan has fewer trials
  /// than wanted where they would not fit, and is refused where even so they do not.
  std::uint64_t disk = std::uint64_t{8} << 30;
};

/// A model in another program as a subject that answers every intervention but those on its rule: shuffle,
/// reroute, company, and streams unless it says that it answers them. Inputs as of run_inputs.h. The first
/// base is run twice when it is opened; where the two differ, or the program says that it is noisy, the plan
/// has eight repeats instead of four. Every answer is held against what was asked and against its base, as a
/// plan's outputs are.
///
/// The model must outlive the subject. Input errors: the model's, and answers that contradict what was asked.
Expected<std::unique_ptr<Subject>> make_external(external::ExternalModel& model, DrawTokens draw,
                                                 const ExternalOptions& options);

/// The plan that a program is asked for: a standard plan with a redraw, without the runs that only a model of
/// our own answers.
PlanOptions external_plan(const Layout& layout, const WantedTrials& wanted);
/// Its runs, with the repeats spread among them and one at the end: an engine that changes while it runs
/// (caches, graphs compiled when warm) shows it in them, and not in changed runs alone.
std::vector<Intervention> external_runs(const PlanOptions& options, const Layout& layout);

}  // namespace pastonly::subjects

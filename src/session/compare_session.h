#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "comparison/fixation.h"
#include "input/trace/trace_file.h"
#include "pastonly/error.h"
#include "pastonly/policy.h"
#include "pastonly/report.h"
#include "run/baseline.h"
#include "session/environment.h"
#include "session/subject_options.h"

namespace pastonly::session {

/// Models that are held against one another: trace files, plan directories (their base run) and checkpoints,
/// which run on the tokens of the first recording among them, or of the last checkpoint.
struct CompareRequest {
  std::vector<std::string> models;
  input::TraceOptions options;
  CheckpointOptions checkpoint;
  Policy policy;
  std::uint64_t seed = 0;
  std::optional<run::EarlierReport> baseline = {};  ///< what it found is accepted
};

/// Of two: a complete report, hashes and times included. Usage errors: options that nothing would follow.
Expected<Report> run_comparison(const CompareRequest& request, const Environment& environment);
/// Of more than two, in order of training: each against the last.
Expected<comparison::Fixation> run_fixation(const CompareRequest& request, const Environment& environment);
/// What a report of two says that it was made from.
Expected<CompareRequest> comparison_of(const Report& report);

}  // namespace pastonly::session

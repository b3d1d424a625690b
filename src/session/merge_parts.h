#pragma once

#include <string>
#include <vector>

#include "pastonly/error.h"
#include "pastonly/report.h"
#include "session/environment.h"

namespace pastonly::session {

/// Runs of one plan that were recorded in several places, and audited there.
struct PartsRequest {
  std::vector<std::string> reports;  ///< JSON reports of those audits, two or more
  std::string directory;             ///< that becomes the plan directory with the runs of all
};

/// Copies plan, inputs and outputs to the directory, each file held to the hash that its report states;
/// returns the first report, so that the directory can be audited as the parts were. Files of a part are
/// looked for where its report says, and beside the report. What an interrupted call has copied is kept.
/// Usage errors: the reports are not of one plan under one policy, seed and options. Input errors: a file is
/// missing or has changed; a run is not the same in two parts; the directory holds another file of that name.
Expected<Report> gather_parts(const PartsRequest& request, const Environment& environment);

}  // namespace pastonly::session

#pragma once

#include <string>
#include <vector>

#include "lab/experiment.h"
#include "pastonly/policy.h"
#include "pastonly/report.h"
#include "session/environment.h"

namespace pastonly::session {

/// One experiment from file to complete report, times included.
struct LabRequest {
  std::string path;
  lab::Experiment experiment;
  std::string directory;
  Policy policy;
  bool checks = true;             ///< run checks on every arm
  std::vector<std::string> only;  ///< ids of the checks to run; empty = all
};
Expected<Report> run_lab(const LabRequest& request, const Environment& environment);

}  // namespace pastonly::session
